"""The chain of hardware managers: ranked, asked in order. ``plugins.py`` finds them."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from agent.errors import Declined, PluginError
from agent.hardware import declining
from agent.hardware.capabilities import HardwareManager
from agent.hardware.collecting import Collector
from agent.hardware.declining import Offers
from agent.hardware.devices import BlockDevice, BmcAddresses, NetworkInterface
from agent.hardware.erasing import (
    DiskEraser,
    EraseOffer,
    ErasePlan,
    EraseWish,
    MetadataEraser,
    best_first,
)
from agent.hardware.exporting import DiskExporter
from agent.hardware.raiding import RaidConfigurator
from agent.hardware.reading import DiskFilter, MachineReader, RootDiskChoice
from agent.hardware.steps import check_steps
from agent.hardware.updating import FirmwareUpdater
from agent.hardware.wishes import Wishes
from agent.hardware.writing import BootloaderInstaller, ContainerInstaller, ImageWriter

log = logging.getLogger(__name__)
_Capability = TypeVar("_Capability")
LoadManagers = Callable[[], Iterable[HardwareManager]]
_READING = ("disk_lister", "disk_filter", "nic_lister", "machine_reader")
"""What the lookup asks for; a manager that offers one of them must not come after it."""


class Hardware:
    """All managers of this machine, best first; a :class:`agent.hardware.capabilities.HardwareView`."""

    def __init__(
        self, managers: Iterable[HardwareManager], late: LoadManagers | None = None
    ) -> None:
        self.managers = rank(managers)
        self._wishes = Wishes()
        self._late = late

    @property
    def wishes(self) -> Wishes:
        """What the settings and the controller want, as they were last told."""
        return self._wishes

    def configure(self, wishes: Wishes) -> None:
        """Have every manager do as the settings want it; what was wished before no longer counts.

        Raises:
            AgentError: A manager cannot do it.
        """
        self._wishes = wishes
        self.managers = tuple(_told(manager, wishes) for manager in self.managers)

    def complete(self) -> None:
        """Load the managers that the lookup does not need; without them, or when they are loaded, nothing is done.

        The chain is exchanged as a whole: who reads it meanwhile reads the old one or the new one.

        Raises:
            PluginError: One cannot be loaded, contradicts another, or should have been there at the lookup.
            AgentError: One cannot do what the settings want.
        """
        if self._late is None:
            return
        late = tuple(self._late())
        whole = tuple(manager for manager in self.managers if not manager.is_part)
        _check_order(self.managers, late)
        self.managers = rank([*whole, *(_told(manager, self._wishes) for manager in late)])
        self._late = None
        loaded = [f"{m.name} {m.version}" for m in self.managers]
        log.info("all hardware managers loaded, best first", extra={"managers": ", ".join(loaded)})

    def versions(self) -> Mapping[str, str]:
        """Return the version of every manager by its name."""
        return {manager.name: manager.version for manager in self.managers}

    def disks(self) -> tuple[BlockDevice, ...]:
        """List disks, without those that a manager hides."""
        listed = self._wanted(lambda m: m.disk_lister, "lists disks").ask(lambda d: d.list_disks())
        filters = self._offers(lambda m: m.disk_filter, "hides disks").offers
        return tuple(d for d in listed if all(_keeps(name, one, d) for name, one in filters))

    def nics(self) -> tuple[NetworkInterface, ...]:
        """List network interfaces."""
        listers = self._wanted(lambda m: m.nic_lister, "lists network interfaces")
        return listers.ask(lambda lister: lister.list_nics())

    def machine_reader(self) -> MachineReader:
        """Return the best reader of processors, memory and firmware."""
        does = "reads what the machine is made of"
        return declining.WillingReader(self._wanted(lambda m: m.machine_reader, does))

    def bmc_addresses(self) -> BmcAddresses:
        """Return where the machine's own BMC answers; nothing known if no manager can tell, or if it shall not be asked."""
        if self._wishes.skip_bmc:
            return BmcAddresses()
        for name, locator in self._offers(lambda m: m.bmc_locator, "finds the BMC").offers:
            try:
                return locator.bmc_addresses()
            except Declined as error:
                log.info("BMC not found", extra={"manager": name, "why": str(error)})
        return BmcAddresses()

    def root_disk(self, node: Mapping[str, Any]) -> RootDiskChoice:
        """Choose the disk that gets the operating system; see :class:`agent.hardware.reading.RootDiskChooser`."""
        choosers = self._wanted(lambda m: m.root_disk_chooser, "chooses the root disk")
        return declining.WillingChooser(choosers).choose(node, self.disks())

    def image_writer(self) -> ImageWriter:
        """Return the best image writer."""
        return declining.WillingWriter(self._wanted(lambda m: m.image_writer, "writes images"))

    def container_installer(self) -> ContainerInstaller:
        """Return the best installer of bootable containers."""
        does = "installs bootable containers, which takes podman (build-ramdisk --with podman)"
        offers = self._wanted(lambda m: m.container_installer, does)
        return declining.WillingContainerInstaller(offers)

    def disk_exporter(self) -> DiskExporter:
        """Return what offers disks over iSCSI."""
        offers = self._wanted(lambda m: m.disk_exporter, "offers disks over iSCSI")
        return declining.WillingExporter(offers)

    def metadata_eraser(self) -> MetadataEraser:
        """Return the best metadata eraser."""
        erasers = self._wanted(lambda m: m.metadata_eraser, "erases disk metadata")
        return declining.WillingMetadataEraser(erasers)

    def release(self, disks: Collection[Path], kept: Collection[Path] = ()) -> tuple[str, ...]:
        """End what stands on ``disks``; see ``HardwareView``."""
        releasers = self._offers(lambda m: m.disk_releaser, "releases disks")
        return releasers.ask(lambda one: one.release(disks, kept)) if releasers.offers else ()

    def bootloader(self) -> BootloaderInstaller:
        """Return the best installer of boot entries."""
        does = "makes the firmware boot a disk"
        return declining.WillingBootloader(self._wanted(lambda m: m.bootloader, does))

    def erase_offers(self, disk: BlockDevice, wish: EraseWish) -> tuple[EraseOffer, ...]:
        """Return every way to erase ``disk``, best first; see ``HardwareView``."""
        offers = [
            EraseOffer(manager.name, eraser, plan)
            for manager in self.managers
            for eraser in manager.erasers
            for plan in _plans(manager, eraser, disk, wish)
        ]
        return best_first(offers, wish)  # stable: the rank decides the rest

    def raid_configurators(self) -> tuple[RaidConfigurator, ...]:
        """Return those of every manager, best rank first; of two of one name the first."""
        every = (one for manager in self.managers for one in manager.raid_configurators)
        return tuple(_first_by_name((one.name, one) for one in every).values())

    def firmware_updaters(self) -> tuple[FirmwareUpdater, ...]:
        """Return those of every manager, best rank first."""
        return tuple(one for manager in self.managers for one in manager.firmware_updaters)

    def collectors(self) -> Mapping[str, Collector]:
        """Return those of every manager by name; of two of one name that of the better rank."""
        every = (one for manager in self.managers for one in manager.collectors)
        return _first_by_name((one.name, one) for one in every)

    def _offers(
        self, get: Callable[[HardwareManager], _Capability | None], does: str
    ) -> Offers[_Capability]:
        named = ((manager.name, get(manager)) for manager in self.managers)
        return Offers(does, tuple((name, one) for name, one in named if one is not None))

    def _wanted(
        self, get: Callable[[HardwareManager], _Capability | None], does: str
    ) -> Offers[_Capability]:
        """Return the offers of a capability.

        Raises:
            PluginError: There is none.
        """
        found = self._offers(get, does)
        if not found.offers:
            loaded = ", ".join(f"{m.name} {m.version}" for m in self.managers) or "none"
            raise PluginError(
                f"no hardware manager {does} (loaded: {loaded}); put one into the ramdisk"
            )
        return found


def _told(manager: HardwareManager, wishes: Wishes) -> HardwareManager:
    return manager.configure(wishes) if manager.configure else manager


def _check_order(early: Iterable[HardwareManager], late: Iterable[HardwareManager]) -> None:
    """Check that the lookup saw what the whole chain would have shown it.

    Raises:
        PluginError: A late manager offers what the lookup asks for, or a part has no whole.
    """
    parts = {manager.name for manager in early if manager.is_part}
    for manager in late:
        missed = [one for one in _READING if getattr(manager, one) is not None]
        if missed and manager.name not in parts:
            raise PluginError(
                f"hardware manager {manager.name} offers {', '.join(missed)} and is loaded after the lookup, which asks for it; "
                "name its entry point in the group ingot.hardware_managers"
            )
    for name in sorted(parts - {manager.name for manager in late}):
        raise PluginError(
            f"of hardware manager {name} only the part for the lookup was found; repair the ramdisk"
        )


def _keeps(manager: str, disk_filter: DiskFilter, disk: BlockDevice) -> bool:
    try:
        is_kept = disk_filter.keeps(disk)
    except Declined:
        return True
    if not is_kept:
        log.info("disk hidden", extra={"manager": manager, "disk": str(disk.path)})
    return is_kept


def _plans(
    manager: HardwareManager, eraser: DiskEraser, disk: BlockDevice, wish: EraseWish
) -> tuple[ErasePlan, ...]:
    try:
        return tuple(eraser.plans(disk, wish))
    except Declined as error:
        data = {"manager": manager.name, "disk": str(disk.path), "why": str(error)}
        log.info("eraser declined", extra=data)
        return ()


def _first_by_name(pairs: Iterable[tuple[str, _Capability]]) -> dict[str, _Capability]:
    found: dict[str, _Capability] = {}
    for name, one in pairs:
        found.setdefault(name, one)
    return found


def rank(managers: Iterable[HardwareManager]) -> tuple[HardwareManager, ...]:
    """Return the managers, best support first, then by name.

    Raises:
        PluginError: Two have the same name, one has no usable support level, or two steps of the same interface and name.
    """
    ranked = tuple(sorted(managers, key=lambda m: (-m.support, m.name)))
    names = [manager.name for manager in ranked]
    for name in names:
        if names.count(name) > 1:
            raise PluginError(f"two hardware managers are called {name!r}; remove or rename one")
    for manager in ranked:
        if isinstance(manager.support, bool) or manager.support <= 0:
            raise PluginError(
                f"hardware manager {manager.name}: support is {manager.support!r}; give an integer above 0"
            )
        if not callable(manager.steps):
            check_steps(manager.name, manager.steps)
    return ranked
