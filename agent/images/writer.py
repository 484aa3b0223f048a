"""Streams a whole-disk image from a web server to a disk, verifies it, adds the config drive, and only then lets it boot.

Order (nothing is written before everything that can be checked is checked): config drive and checksum, the image's
beginning and tables, the disk; then wipe the disk's tables, stream, compare the checksum, config drive, backup GPT, and the
first MiB last.
"""

import logging
import time
from contextlib import ExitStack

from agent.disks import mbr
from agent.disks.kernel_view import show_partitions
from agent.disks.open_disk import OpenDisk
from agent.disks.partition_table import PartitionTable
from agent.errors import ImageError
from agent.hardware.capabilities import ProgressSink, WrittenImage
from agent.hardware.devices import BlockDevice
from agent.images import config_drive
from agent.images.formats import ImageFormat
from agent.images.meter import Meter
from agent.images.preparation import Work, WriterSettings, prepare
from agent.images.target import ImageTarget
from agent.protocol.image import ImageInfo
from agent.system.runner import Runner

log = logging.getLogger(__name__)


class StreamingImageWriter:
    """Implements :class:`agent.hardware.capabilities.ImageWriter`."""

    def __init__(self, runner: Runner, settings: WriterSettings | None = None) -> None:
        self._runner = runner
        self._settings = settings or WriterSettings()

    def write_image(
        self, image: ImageInfo, configdrive: str | None, disk: BlockDevice, progress: ProgressSink
    ) -> WrittenImage:
        """Write, verify and flush; on failure the disk cannot boot.

        Raises:
            ImageError: The image is unusable, has the wrong checksum or does not fit.
            ImageDownloadError: It cannot be fetched.
            ConfigDriveError: The config drive is unusable or does not fit.
            DiskInUse: The disk is in use.
        """
        started = time.monotonic()
        meter = Meter(progress)
        meter.begin("connect")
        with ExitStack() as clean_up:
            work = prepare(image, configdrive, self._settings, meter, clean_up)
            target = ImageTarget(clean_up.enter_context(OpenDisk(disk.path)))
            _check_fit(work, target.disk)
            log.info(
                "writing the image",
                extra={"image": work.name, "disk": str(disk.path), "format": str(work.found)},
            )
            digest = self._stream(work, target, meter)
            table = self._complete(work, target, meter)
            seen = show_partitions(target.disk, table.partitions(), self._runner)
        seconds = time.monotonic() - started
        size = work.pipeline.content_bytes
        log.info(
            "image written",
            extra={"disk": str(disk.path), "bytes": size, "seconds": seconds, "partitions": seen},
        )
        return WrittenImage(
            disk=disk,
            root_uuid=mbr.disk_signature(table.head),
            bytes_written=size,
            seconds=seconds,
            digest=f"{work.checksum.algorithm}:{digest}",
        )

    def _stream(self, work: Work, target: ImageTarget, meter: Meter) -> str:
        """Write everything but the head and the tail, and compare the checksum."""
        target.make_unbootable()
        meter.begin("write", work.size_bytes)
        if work.tables is not None:
            digest = work.pipeline.run_qcow2(target, work.tables, work.watch)
        elif work.found is ImageFormat.RAW:
            digest = work.pipeline.run_raw(target)
        else:
            digest = work.pipeline.run_packed(target, work.found, work.name)
        meter.begin("verify")
        if digest != work.checksum.digest:
            raise ImageError(
                f"{work.name}: its {work.checksum.algorithm} is {digest}, expected was"
                f" {work.checksum.digest}; the file or the checksum is wrong;"
                f" {target.disk.path} was left without a partition table"
            )
        return digest

    def _complete(self, work: Work, target: ImageTarget, meter: Meter) -> PartitionTable:
        """Make the disk whole: flush, config drive, backup table, and the head last."""
        disk = target.disk
        table = PartitionTable(target.head, disk.sector_bytes)
        table.fit(disk.size_bytes)
        if not table.partitions():
            raise ImageError(
                f"{work.name}: its partition table is empty; a whole-disk image is wanted"
            )
        meter.begin("flush")
        disk.flush()  # first, as the tail may hold a backup table of the image's own
        disk.write_bytes(target.tail, target.tail_from)
        disk.flush()
        if work.configdrive is not None:
            meter.begin("config drive", len(work.configdrive))
            config_drive.check_sectors(work.configdrive, disk.sector_bytes)
            config_drive.write(work.configdrive, disk, table, self._runner)
            meter.begin("flush")
        if (backup := table.backup()) is not None:
            disk.write_bytes(backup[1], backup[0])
        disk.flush()
        target.make_bootable()
        return table


def _check_fit(work: Work, disk: OpenDisk) -> None:
    """Compare what is known of the image with the disk before the first write."""
    size = work.size_bytes if work.found is ImageFormat.RAW else None
    if work.tables is not None:
        header = work.tables.header
        size = header.virtual_bytes
        if header.cluster_bytes < disk.sector_bytes:
            raise ImageError(
                f"{work.name}: clusters of {header.cluster_bytes} bytes are smaller than the sectors of"
                f" {disk.path} ({disk.sector_bytes}); rewrite it with qemu-img convert"
            )
    if size is not None and size > disk.size_bytes:
        raise ImageError(
            f"{work.name}: needs {size} bytes, {disk.path} has {disk.size_bytes};"
            " choose a larger disk (root device hints) or a smaller image"
        )
    if work.configdrive is not None:
        config_drive.check_sectors(work.configdrive, disk.sector_bytes)
