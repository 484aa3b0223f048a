"""Capabilities that put a system on a disk and have the machine boot it."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from agent.hardware.devices import BlockDevice
from agent.hardware.tools import ProgressSink
from agent.protocol.bootc import BootcOrder
from agent.protocol.image import ImageInfo
from agent.protocol.receipt import PhaseTime, Receipt
from agent.system.stop_signal import StopSignal


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
        self,
        image: ImageInfo,
        configdrive: str | None,
        disk: BlockDevice,
        progress: ProgressSink,
        *,
        stop: StopSignal | None = None,
        before_writing: Callable[[], None] | None = None,
    ) -> WrittenImage:
        """Write, verify and flush; on failure the disk cannot boot.

        Args:
            image: What the controller sent.
            configdrive: Its content as text, or its URL; ``None`` = none.
            disk: Where to; nothing stands on it.
            progress: Told how far it is.
            before_writing: Called when everything is checked, before the first byte; what it raises prevents the write.
            stop: Looked at until the first byte is written, and refused from then on; ``None`` = nobody can ask.

        Raises:
            Stopped: It was asked to stop before the first byte.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledContainer:
    """What the installer of a bootable container left on a disk, as it was read back.

    ``image`` is as it was ordered, ``pinned`` the same with the digest that was pulled, ``bootc`` what the image's program calls itself.
    ``partitions`` are in words: number, size, type of file system, name. ``written_bytes`` are those that the kernel counted on the disk,
    ``None`` = it counts none.
    """

    disk: BlockDevice
    boot_mode: str
    image: str
    pinned: str
    bootc: str
    partitions: tuple[str, ...]
    written_bytes: int | None = None
    config_drive_partition: int | None = None
    phases: tuple[PhaseTime, ...] = ()
    warnings: tuple[str, ...] = ()


class ContainerInstaller(Protocol):
    """Puts a bootable container (bootc) on a disk."""

    def install_container(
        self,
        order: BootcOrder,
        disk: BlockDevice,
        progress: ProgressSink,
        *,
        stop: StopSignal | None = None,
    ) -> InstalledContainer:
        """Pull the image, have its own program install it, and look at what is on the disk then; after a failure the disk cannot boot.

        Args:
            order: What the controller sent.
            disk: Where to; nothing stands on it.
            progress: Told how far it is, and what the programs say.
            stop: Looked at until the first byte is written, and refused from then on; ``None`` = nobody can ask.

        Raises:
            ImageDownloadError: The image cannot be had.
            ImageError: It cannot be installed here, or what was installed cannot boot here.
            ConfigDriveError: The config drive is unusable or does not fit.
            DiskInUse: The disk is in use.
            Stopped: It was asked to stop before the first byte.
        """


class DiskReleaser(Protocol):
    """Ends what stands on disks: arrays, volumes, loop devices that an older system left."""

    def release(self, disks: Collection[Path], kept: Collection[Path] = ()) -> tuple[str, ...]:
        """End everything that stands on ``disks``, nothing that stands on ``kept``; return what was ended, in words."""


class BootloaderInstaller(Protocol):
    """Makes the firmware boot the deployed system."""

    def install_bootloader(
        self, disk: BlockDevice, *, boot_mode: str, written: WrittenImage | None = None
    ) -> tuple[str, ...]:
        """Return what was made: labels of boot entries, disks that got boot code, programs that were run; empty if nothing had to be.

        Args:
            disk: Where the system is.
            boot_mode: ``uefi`` or ``bios``.
            written: The image that was written there; ``None`` = not known, a whole-disk image is meant.
        """
