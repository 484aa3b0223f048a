"""The chain of hardware managers: found by entry point, ranked, asked in order.

An entry point of the group is a function ``probe(runner) -> HardwareManager | None``; ``None`` = not my hardware. A plug-in
that cannot be loaded stops the agent with its name: a machine must not be cleaned by the wrong manager in silence.
"""

import logging
from collections.abc import Collection, Iterable, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from stevedore import ExtensionManager

from agent.errors import PluginError
from agent.hardware.capabilities import (
    BootloaderInstaller,
    DiskEraser,
    HardwareManager,
    ImageWriter,
    MachineReader,
    MetadataEraser,
)
from agent.hardware.devices import BlockDevice, BmcAddresses, NetworkInterface
from agent.hardware.wishes import Wishes
from agent.system.runner import Runner

log = logging.getLogger(__name__)
_Capability = TypeVar("_Capability")
ENTRY_POINT_GROUP = "ingot.hardware_managers"


class Hardware:
    """All managers of this machine, best first; each capability comes from the first that offers it."""

    def __init__(self, managers: Iterable[HardwareManager]) -> None:
        self.managers = rank(managers)
        self.wishes = Wishes()

    def configure(self, wishes: Wishes) -> None:
        """Have every manager do as the settings want it; what was wished before no longer counts.

        Raises:
            AgentError: A manager cannot do it.
        """
        self.wishes = wishes
        self.managers = tuple(m.configure(wishes) if m.configure else m for m in self.managers)

    def versions(self) -> Mapping[str, str]:
        """Return the version of every manager by its name."""
        return {manager.name: manager.version for manager in self.managers}

    def disks(self) -> tuple[BlockDevice, ...]:
        """List disks; see ``HardwareView``."""
        return self._offered((m.disk_lister for m in self.managers), "lists disks").list_disks()

    def nics(self) -> tuple[NetworkInterface, ...]:
        """List network interfaces."""
        listers = (m.nic_lister for m in self.managers)
        return self._offered(listers, "lists network interfaces").list_nics()

    def machine_reader(self) -> MachineReader:
        """Return the best reader of processors, memory and firmware."""
        readers = (m.machine_reader for m in self.managers)
        return self._offered(readers, "reads what the machine is made of")

    def bmc_addresses(self) -> BmcAddresses:
        """Return where the machine's own BMC answers; nothing known if no manager can tell, or if it shall not be asked."""
        if self.wishes.skip_bmc:
            return BmcAddresses()
        locators = (m.bmc_locator for m in self.managers if m.bmc_locator is not None)
        locator = next(locators, None)
        return locator.bmc_addresses() if locator is not None else BmcAddresses()

    def image_writer(self) -> ImageWriter:
        """Return the best image writer."""
        return self._offered((m.image_writer for m in self.managers), "writes images")

    def eraser(self) -> DiskEraser:
        """Return the best whole-disk eraser."""
        return self._offered((m.eraser for m in self.managers), "erases whole disks")

    def metadata_eraser(self) -> MetadataEraser:
        """Return the best metadata eraser."""
        return self._offered((m.metadata_eraser for m in self.managers), "erases disk metadata")

    def release(self, disks: Collection[Path], kept: Collection[Path] = ()) -> tuple[str, ...]:
        """End what stands on ``disks``; see ``HardwareView``."""
        releasers = (m.disk_releaser for m in self.managers if m.disk_releaser is not None)
        releaser = next(releasers, None)
        return () if releaser is None else releaser.release(disks, kept)

    def bootloader(self) -> BootloaderInstaller:
        """Return the best installer of boot entries."""
        return self._offered(
            (m.bootloader for m in self.managers), "makes the firmware boot a disk"
        )

    def _offered(self, offers: Iterable[_Capability | None], does: str) -> _Capability:
        for offer in offers:
            if offer is not None:
                return offer
        loaded = ", ".join(f"{m.name} {m.version}" for m in self.managers) or "none"
        raise PluginError(
            f"no hardware manager {does} (loaded: {loaded}); put one into the ramdisk"
        )


def rank(managers: Iterable[HardwareManager]) -> tuple[HardwareManager, ...]:
    """Return the managers, best support first, then by name.

    Raises:
        PluginError: Two have the same name, or one has two steps of the same interface and name.
    """
    ranked = tuple(sorted(managers, key=lambda m: (-m.support, m.name)))
    names = [manager.name for manager in ranked]
    for name in names:
        if names.count(name) > 1:
            raise PluginError(f"two hardware managers are called {name!r}; remove or rename one")
    for manager in ranked:
        _check_steps(manager)
    return ranked


def load_hardware(runner: Runner, group: str = ENTRY_POINT_GROUP) -> Hardware:
    """Load every plug-in of the entry-point group and ask it whether this is its hardware.

    Raises:
        PluginError: One cannot be imported, fails in its probe, or contradicts another; or there is none at all.
    """
    extensions: ExtensionManager[Any] = ExtensionManager(group, on_load_failure_callback=_refuse)
    managers = []
    for extension in extensions:
        manager = _probe(extension.entry_point_target, extension.plugin, runner)
        if manager is None:
            log.info("hardware manager not for this machine", extra={"plugin": extension.name})
            continue
        managers.append(manager)
    if not managers:
        raise PluginError(f"no hardware manager of group {group} is for this machine; install one")
    hardware = Hardware(managers)
    loaded = [f"{m.name} {m.version}" for m in hardware.managers]
    log.info("hardware managers loaded, best first", extra={"managers": ", ".join(loaded)})
    return hardware


def _refuse(_manager: object, entry_point: EntryPoint, error: BaseException) -> NoReturn:
    raise PluginError(
        f"hardware manager {entry_point.name} ({entry_point.value}) cannot be loaded: "
        f"{type(error).__name__}: {error}; repair it or take it out of the ramdisk"
    ) from error


def _probe(target: str, probe: Any, runner: Runner) -> HardwareManager | None:
    try:
        manager = probe(runner)
    except Exception as error:  # a foreign plug-in: whatever it raises is reported with its name
        raise PluginError(
            f"hardware manager {target} failed while it looked for its hardware: {type(error).__name__}: {error}"
        ) from error
    if manager is not None and not isinstance(manager, HardwareManager):
        raise PluginError(
            f"hardware manager {target} returned a {type(manager).__name__}, not a HardwareManager or None"
        )
    return manager


def _check_steps(manager: HardwareManager) -> None:
    seen = set()
    for step in manager.steps:
        if (step.interface, step.name) in seen:
            raise PluginError(
                f"hardware manager {manager.name} has two steps {step.interface}.{step.name}; remove one"
            )
        seen.add((step.interface, step.name))
