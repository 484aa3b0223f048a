"""What a hardware manager is: a frozen record of what it offers on this machine, and of the steps that use the whole chain.

There is no base class to inherit from, no dispatch by name and no "not supported" exception. Of what a machine has once, the chain
(:mod:`agent.hardware.registry`) takes the first manager in rank order that offers it and does not decline; what is done for each
device (erasing, RAID, firmware) every manager may offer. Protocols and values are in the modules beside this one: ``reading``,
``writing``, ``erasing``, ``raiding``, ``updating``, ``collecting``, ``tools``.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any, Protocol

from agent.hardware.collecting import Collector
from agent.hardware.devices import BlockDevice
from agent.hardware.erasing import DiskEraser, EraseOffer, EraseWish, MetadataEraser
from agent.hardware.exporting import DiskExporter
from agent.hardware.raiding import RaidConfigurator
from agent.hardware.reading import (
    BmcLocator,
    DiskFilter,
    DiskLister,
    MachineReader,
    MachineView,
    NicLister,
    RootDiskChooser,
)
from agent.hardware.tools import ProgressSink, StepTools
from agent.hardware.updating import FirmwareUpdater
from agent.hardware.wishes import Wishes
from agent.hardware.writing import (
    BootloaderInstaller,
    ContainerInstaller,
    DiskReleaser,
    ImageWriter,
    WrittenImage,
)
from agent.protocol.steps import ArgInfo


class Support(IntEnum):
    """How well a manager knows the hardware; larger wins. The values are Ironic's; any other integer above 0 will do."""

    GENERIC = 1
    MAINLINE = 2
    SERVICE_PROVIDER = 3


class Phase(StrEnum):
    """The three workflows that run steps inside the ramdisk."""

    CLEAN = "clean"
    DEPLOY = "deploy"
    SERVICE = "service"


class HardwareView(MachineView, Protocol):
    """The whole chain as a step sees it.

    A capability of which a machine has one raises ``PluginError`` when no manager offers it, or when all that do have declined.
    """

    def image_writer(self) -> ImageWriter:
        """Return the best image writer."""

    def container_installer(self) -> ContainerInstaller:
        """Return the best installer of bootable containers."""

    def disk_exporter(self) -> DiskExporter:
        """Return what offers disks over iSCSI."""

    def metadata_eraser(self) -> MetadataEraser:
        """Return the best metadata eraser."""

    def bootloader(self) -> BootloaderInstaller:
        """Return the best installer of boot entries."""

    def release(self, disks: Collection[Path], kept: Collection[Path] = ()) -> tuple[str, ...]:
        """End what stands on ``disks``, see :class:`DiskReleaser`; nothing if no manager can."""

    def erase_offers(self, disk: BlockDevice, wish: EraseWish) -> tuple[EraseOffer, ...]:
        """Return every way to erase ``disk``, best first.

        Those that reach the wanted level come before those that do not, those without an obstacle before those with one; then the stronger,
        then the manager of better rank.
        """

    def raid_configurators(self) -> tuple[RaidConfigurator, ...]:
        """Return those of every manager, best rank first; of two of one name the first."""

    def firmware_updaters(self) -> tuple[FirmwareUpdater, ...]:
        """Return those of every manager, best rank first."""

    def collectors(self) -> Mapping[str, Collector]:
        """Return those of every manager by name; of two of one name that of the better rank."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """What a step may use. ``node`` and ``ports`` are the controller's documents, as sent."""

    node: Mapping[str, Any]
    ports: tuple[Mapping[str, Any], ...]
    args: Mapping[str, Any]
    hardware: HardwareView
    tools: StepTools
    remember: Callable[[WrittenImage], None]
    """Called by a step that wrote an image, so that later commands know the disk and its root UUID."""

    @property
    def progress(self) -> ProgressSink:
        """Where the step reports to; the same as ``tools.progress``."""
        return self.tools.progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step; ``priorities`` names the phases it is offered in, 0 = only on request.

    ``run`` returns what the controller shall see as the step's result: ``None``, text or a JSON object. ``abortable``: the controller
    may leave the workflow while it runs. ``stoppable``: it looks at ``tools.stop`` and ends within seconds where it safely can.
    """

    name: str
    interface: str
    priorities: Mapping[Phase, int]
    run: Callable[[StepContext], Any]
    reboot_requested: bool = False
    abortable: bool = True
    stoppable: bool = False
    args: Mapping[str, ArgInfo] | None = None


StepMaker = Callable[[Mapping[str, Any], Sequence[Mapping[str, Any]]], Sequence[Step]]
"""Returns the steps for a node and its ports, documents as the controller sends them; both are empty when none are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HardwareManager:
    """What a plug-in offers on this machine; ``None`` and ``()`` = not offered.

    ``name`` appears in step lists and version maps; it is the identity of the manager. ``support`` is any integer above 0, the larger
    wins; see :class:`Support`.
    """

    name: str
    version: str
    support: int
    disk_lister: DiskLister | None = None
    disk_filter: DiskFilter | None = None
    """Of all managers together: a disk that one of them hides is not there."""
    nic_lister: NicLister | None = None
    machine_reader: MachineReader | None = None
    bmc_locator: BmcLocator | None = None
    root_disk_chooser: RootDiskChooser | None = None
    image_writer: ImageWriter | None = None
    container_installer: ContainerInstaller | None = None
    disk_exporter: DiskExporter | None = None
    metadata_eraser: MetadataEraser | None = None
    disk_releaser: DiskReleaser | None = None
    bootloader: BootloaderInstaller | None = None
    erasers: tuple[DiskEraser, ...] = ()
    raid_configurators: tuple[RaidConfigurator, ...] = ()
    firmware_updaters: tuple[FirmwareUpdater, ...] = ()
    collectors: tuple[Collector, ...] = ()
    steps: tuple[Step, ...] | StepMaker = ()
    configure: "Callable[[Wishes], HardwareManager] | None" = None
    """Returns the manager as the agent's settings want it; ``None`` = they do not concern it."""
    is_part: bool = False
    """Only what the lookup needs: the whole manager, of the same name, is loaded after the first heartbeat and takes its place."""
