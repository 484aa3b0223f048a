"""What a hardware manager can offer: a frozen record of capabilities, each a small protocol; ``None`` = not offered.

There is no base class to inherit from, no dispatch by name and no "not supported" exception. The chain
(:mod:`agent.hardware.registry`) asks the managers in rank order and takes the first that offers a capability.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any, Protocol

from agent.hardware.devices import (
    BlockDevice,
    BmcAddresses,
    BootEnvironment,
    MainMemory,
    NetworkInterface,
    Processor,
    SystemIdentity,
)
from agent.hardware.wishes import Wishes
from agent.protocol.commands import Progress
from agent.protocol.image import ImageInfo
from agent.protocol.receipt import Receipt
from agent.protocol.steps import ArgInfo

ProgressSink = Callable[[Progress], None]


class Support(IntEnum):
    """How well a manager knows the hardware; larger wins (the values are Ironic's)."""

    GENERIC = 1
    MAINLINE = 2
    SERVICE_PROVIDER = 3


class Phase(StrEnum):
    """The three workflows that run steps inside the ramdisk."""

    CLEAN = "clean"
    DEPLOY = "deploy"
    SERVICE = "service"


class DiskLister(Protocol):
    """Lists whole disks."""

    def list_disks(self) -> tuple[BlockDevice, ...]:
        """Return every disk that could hold data, in the order of the kernel's list; no partitions, no RAM disks."""


class NicLister(Protocol):
    """Lists network interfaces."""

    def list_nics(self) -> tuple[NetworkInterface, ...]:
        """Return the physical interfaces in the order of their names."""


class MachineReader(Protocol):
    """Reads what the machine is made of."""

    def processor(self) -> Processor:
        """Return the processors."""

    def memory(self) -> MainMemory:
        """Return the main memory."""

    def identity(self) -> SystemIdentity:
        """Return vendor, product and firmware."""

    def boot_environment(self) -> BootEnvironment:
        """Return how this ramdisk was booted."""


class BmcLocator(Protocol):
    """Finds the machine's own BMC."""

    def bmc_addresses(self) -> BmcAddresses:
        """Return the addresses at which the BMC answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenImage:
    """What an image write left behind.

    ``root_uuid`` is the MBR signature (``0x%08x``) for whole-disk images, the filesystem's UUID for partition images.
    ``partitions`` is empty for whole-disk images: pairs of role (Ironic's word) and device path. ``receipt`` = ``None``: the
    writer gives none.
    """

    disk: BlockDevice
    root_uuid: str
    efi_system_partition_uuid: str | None = None
    prep_boot_partition_uuid: str | None = None
    partitions: tuple[tuple[str, str], ...] = ()
    receipt: Receipt | None = None

    def command_result(self, image_id: str) -> dict[str, Any]:
        """Return what the commands that write an image answer: Ironic's sentence, and our receipt beside it."""
        said = f"image ({image_id}) written to device {self.disk.path} root_uuid={self.root_uuid}"
        if self.efi_system_partition_uuid is not None:
            said += f" efi_system_partition_uuid={self.efi_system_partition_uuid}"
        more = {} if self.receipt is None else {"receipt": self.receipt}
        return {"result": f"prepare_image: {said}", **more}


class ImageWriter(Protocol):
    """Puts an image and a config drive on a disk."""

    def write_image(
        self, image: ImageInfo, configdrive: str | None, disk: BlockDevice, progress: ProgressSink
    ) -> WrittenImage:
        """Write, verify and flush; on failure the disk cannot boot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseEvidence:
    """What was done to a disk, in words an auditor can read."""

    disk: BlockDevice
    method: str
    detail: str


class DiskEraser(Protocol):
    """Erases whole disks."""

    def erase(self, disk: BlockDevice, progress: ProgressSink) -> EraseEvidence:
        """Leave no readable user data on ``disk`` or raise."""


class MetadataEraser(Protocol):
    """Removes partition tables, RAID and filesystem signatures."""

    def erase_metadata(
        self, disk: BlockDevice, progress: ProgressSink, *, wipe_shared: bool
    ) -> EraseEvidence:
        """Leave nothing on ``disk`` that a kernel, a firmware or a RAID tool would recognise, or raise.

        Args:
            disk: The disk.
            progress: Told what is done.
            wipe_shared: Erase filesystems too that other machines may be using.
        """


class DiskReleaser(Protocol):
    """Ends what stands on disks: arrays, volumes, loop devices that an older system left."""

    def release(self, disks: Collection[Path], kept: Collection[Path] = ()) -> tuple[str, ...]:
        """End everything that stands on ``disks``, nothing that stands on ``kept``; return what was ended, in words."""


class BootloaderInstaller(Protocol):
    """Makes the firmware boot the deployed system."""

    def install_bootloader(self, disk: BlockDevice, *, boot_mode: str) -> tuple[str, ...]:
        """Return the labels of the boot entries that were made; empty for BIOS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """What a step may use. ``node`` and ``ports`` are the controller's documents, as sent."""

    node: Mapping[str, Any]
    ports: tuple[Mapping[str, Any], ...]
    args: Mapping[str, Any]
    progress: ProgressSink
    hardware: "HardwareView"
    remember: Callable[[WrittenImage], None]
    """Called by a step that wrote an image, so that later commands know the disk and its root UUID."""


class HardwareView(Protocol):
    """The chain as a step sees it; every method raises ``AgentError`` when no manager offers the capability."""

    def disks(self) -> tuple[BlockDevice, ...]:
        """List disks."""

    def image_writer(self) -> ImageWriter:
        """Return the best image writer."""

    def eraser(self) -> DiskEraser:
        """Return the best whole-disk eraser."""

    def metadata_eraser(self) -> MetadataEraser:
        """Return the best metadata eraser."""

    def release(self, disks: Collection[Path], kept: Collection[Path] = ()) -> tuple[str, ...]:
        """End what stands on ``disks``, see :class:`DiskReleaser`; nothing if no manager can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step; ``priorities`` names the phases it is offered in, 0 = only on request.

    ``run`` returns what the controller shall see as the step's result: ``None``, text or a JSON object.
    """

    name: str
    interface: str
    priorities: Mapping[Phase, int]
    run: Callable[[StepContext], Any]
    reboot_requested: bool = False
    abortable: bool = True
    args: Mapping[str, ArgInfo] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HardwareManager:
    """The capabilities that a plug-in offers on this machine; ``None`` = not offered.

    ``name`` appears in step lists and version maps; it is the identity of the plug-in.
    """

    name: str
    version: str
    support: Support
    disk_lister: DiskLister | None = None
    nic_lister: NicLister | None = None
    machine_reader: MachineReader | None = None
    bmc_locator: BmcLocator | None = None
    image_writer: ImageWriter | None = None
    eraser: DiskEraser | None = None
    metadata_eraser: MetadataEraser | None = None
    disk_releaser: DiskReleaser | None = None
    bootloader: BootloaderInstaller | None = None
    steps: tuple[Step, ...] = ()
    configure: "Callable[[Wishes], HardwareManager] | None" = None
    """Returns the manager as the agent's settings want it; ``None`` = they do not concern it."""
