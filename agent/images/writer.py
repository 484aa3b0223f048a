"""Streams an image from a web server to a disk, verifies it, adds the config drive, and only then lets it boot.

Order (nothing is written before everything that can be checked is checked): config drive and checksum, the image's
beginning and tables, the disk; then wipe the disk's tables, stream, compare the checksum, config drive, backup GPT, and the
first MiB last. What is different with partition images is in :mod:`agent.images.partitions.partitioned_disk`.
"""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace

from agent.disks import mbr
from agent.disks.disk import Disk
from agent.disks.kernel_view import show_partitions
from agent.disks.open_disk import OpenDisk
from agent.disks.partition_table import PartitionTable
from agent.errors import AgentError, ImageError
from agent.hardware.devices import BlockDevice
from agent.hardware.tools import ProgressSink
from agent.hardware.writing import WrittenImage
from agent.images.config_drives import config_drive
from agent.images.config_drives.config_drive_fat import suited_to
from agent.images.config_drives.config_drive_room import check_room
from agent.images.flow.meter import Meter
from agent.images.flow.target import ImageTarget
from agent.images.formats import first_look
from agent.images.formats.recognition import ImageFormat
from agent.images.partitions.partitioned_disk import DiskNames, Firmware, PartitionedDisk
from agent.images.preparation import Work, WriterSettings, prepare
from agent.images.proof.account import make_receipt
from agent.images.proof.read_back import Proof, read_back
from agent.images.proof.witness import make_witness
from agent.protocol.image import ImageInfo
from agent.protocol.partition_wishes import is_partition_image
from agent.protocol.receipt import Receipt
from agent.system.runner import Runner
from agent.system.stop_signal import StopSignal

log = logging.getLogger(__name__)


class StreamingImageWriter:
    """Implements :class:`agent.hardware.writing.ImageWriter`."""

    def __init__(
        self,
        runner: Runner,
        settings: WriterSettings | None = None,
        open_disk: Callable[[BlockDevice], AbstractContextManager[Disk]] | None = None,
    ) -> None:
        """``open_disk`` opens the disk elsewhere than on this machine."""
        self._runner = runner
        self._settings = settings or WriterSettings()
        self._open_disk = open_disk or _open_own_disk

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

        Raises:
            ImageError: The image is unusable, has the wrong checksum or does not fit.
            ImageDownloadError: It cannot be fetched.
            ConfigDriveError: The config drive is unusable or does not fit.
            DiskInUse: The disk is in use.
            Stopped: It was asked to stop before the first byte.
        """
        stop = stop or StopSignal()
        meter = Meter(progress)
        meter.begin("connect")
        with ExitStack() as clean_up:
            settings = stoppable(self._settings, stop)
            work = prepare(image, configdrive, settings, meter, clean_up)
            stop.check("the image write")
            opened = clean_up.enter_context(self._open_disk(disk))
            work = self._with_suited_drive(work, opened)
            check_fit(work, opened)
            layout = self._layout(work, opened)
            target = self._target(work, opened, layout)
            meter.end()
            opened.require_sole_use()
            if before_writing is not None:
                before_writing()
            _announce(work, disk, stop)
            digest, proof = _write_content(work, target, meter)
            table, names = (
                self._complete(work, target, meter)
                if layout is None
                else layout.complete(target, meter)
            )
            warnings = self._show(opened, table)
        receipt = make_receipt(work, target, digest, proof, disk, meter.finish(), warnings)
        _log_end(receipt, len(table.partitions()))
        return _written(disk, names, receipt)

    def _show(self, disk: Disk, table: PartitionTable) -> tuple[str, ...]:
        """Have the kernel look at the new table; the disk can boot already, so a failure is only told."""
        try:
            show_partitions(disk, table.partitions(), self._runner)
        except AgentError as error:
            log.warning("partitions not shown", extra={"disk": str(disk.path), "why": str(error)})
            return (f"the disk is complete, but this system does not see it so: {error}",)
        return ()

    def _with_suited_drive(self, work: Work, disk: Disk) -> Work:
        """Return the work with a config drive that can be mounted from this disk."""
        if work.configdrive is None:
            return work
        rebuild = self._settings.config_drive_rebuild
        drive = suited_to(work.configdrive, disk.sector_bytes, self._runner, rebuild=rebuild)
        return replace(work, configdrive=drive)

    def _layout(self, work: Work, disk: Disk) -> PartitionedDisk | None:
        """Return the layout of a partition image; ``None`` = the image brings its own."""
        if not is_partition_image(work.image):
            return None
        if not isinstance(disk, OpenDisk):
            raise ImageError(
                f"{work.name}: a partition image can only be written by the machine itself, which has to make partitions and a boot"
                " loader; use an image of a whole disk, or the deploy interface direct"
            )
        firmware = Firmware.of_this_machine()
        return PartitionedDisk(work, disk, self._runner, firmware)

    def _target(self, work: Work, disk: Disk, layout: PartitionedDisk | None) -> ImageTarget:
        """Return where the image goes, after a look at its partition table."""
        witness = make_witness(self._settings.verify)
        if layout is not None:
            return layout.target(witness)
        first_look.check(work.inside.head, disk.sector_bytes, disk.size_bytes, work.name)
        if work.configdrive is not None and work.inside.head.is_whole:
            table = PartitionTable(bytearray(work.inside.head.content), disk.sector_bytes)
            table.fit(disk.size_bytes)
            drive_bytes = len(work.configdrive)
            check_room(table, disk.size_bytes, drive_bytes, work.name, work.look)
        return ImageTarget(disk, witness)

    def _complete(
        self, work: Work, target: ImageTarget, meter: Meter
    ) -> tuple[PartitionTable, DiskNames]:
        """Make the disk whole: config drive, backup table, and the head last."""
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
            config_drive.write(work.configdrive, disk, table, self._runner)
            meter.begin("flush")
        if (backup := table.backup()) is not None:
            disk.write_bytes(backup[1], backup[0])
        disk.flush()
        target.make_bootable()
        return table, DiskNames(root_uuid=mbr.disk_signature(table.head))


def _open_own_disk(disk: BlockDevice) -> AbstractContextManager[Disk]:
    return OpenDisk(disk.path)


def _written(disk: BlockDevice, names: DiskNames, receipt: Receipt) -> WrittenImage:
    return WrittenImage(
        disk=disk,
        root_uuid=names.root_uuid,
        efi_system_partition_uuid=names.esp_uuid,
        prep_boot_partition_uuid=names.prep_uuid,
        partitions=names.partitions,
        receipt=receipt,
    )


def _announce(work: Work, disk: BlockDevice, stop: StopSignal) -> None:
    """Say that the disk is written from here on, which nothing stops."""
    stop.refuse(
        f"the image is being written to {disk.path}, and half of it cannot boot; wait for the end, or power the machine off",
        "the image write",
    )
    log.info(
        "writing the image",
        extra={"image": work.name, "disk": str(disk.path), "format": work.inside.shown_format},
    )


def stoppable(settings: WriterSettings, stop: StopSignal) -> WriterSettings:
    """Return the settings with pauses between tries that end when ``stop`` is set."""

    def pause(seconds: float) -> None:
        if stop.refused is None:
            stop.wait(seconds)
            stop.check("the image write")
        else:
            settings.retry.sleep(seconds)

    return replace(settings, retry=replace(settings.retry, sleep=pause))


def _write_content(work: Work, target: ImageTarget, meter: Meter) -> tuple[str, Proof]:
    """Write everything between head and tail, compare the checksum, flush and read back; return the digest and the proof."""
    target.make_unbootable()
    target.disk.reread_partitions()  # the old ones go, so that nobody can take hold of one from here on
    digest = stream_to(work, target, meter)
    meter.begin("verify")
    check_digest(work, digest, f"{target.disk.path} {target.left_as}")
    meter.begin("flush")
    target.disk.flush()
    return digest, read_back(target.witness, target.disk, meter)


def _log_end(receipt: Receipt, partitions: int) -> None:
    log.info(
        "image written",
        extra={
            "disk": receipt.disk,
            "bytes": receipt.content_bytes,
            "seconds": receipt.seconds,
            "partitions": partitions,
            "verified": receipt.verified,
            "compared": receipt.compared_bytes,
        },
    )


def stream_to(work: Work, target: ImageTarget, meter: Meter, phase: str = "write") -> str:
    """Stream the image to ``target`` and return the digest of its published bytes.

    Raises:
        ImageError: The image is damaged.
    """
    meter.begin(phase, work.inside.size_bytes)
    meter.watch_disk(lambda: target.done_bytes, work.inside.content_bytes)
    if work.inside.tables is not None:
        return work.inside.pipeline.run_qcow2(target, work.inside.tables, work.inside.watch)
    if work.inside.found is ImageFormat.RAW:
        return work.inside.pipeline.run_raw(target)
    return work.inside.pipeline.run_packed(target, work.inside.found, work.name)


def check_digest(work: Work, digest: str, consequence: str) -> None:
    """Compare the checksum, if one is expected.

    Raises:
        ImageError: It is another one; the message ends with ``consequence``.
    """
    if work.checksum.digest is not None and digest != work.checksum.digest:
        raise ImageError(
            f"{work.name}: its {work.checksum.algorithm} is {digest}, expected was"
            f" {work.checksum.digest}; the file or the checksum is wrong; {consequence}"
        )


def check_fit(work: Work, disk: Disk) -> None:
    """Compare what is known of the image with the disk before the first write."""
    size = work.inside.content_bytes
    if work.inside.tables is not None:
        header = work.inside.tables.header
        if header.part_bytes < disk.sector_bytes:
            raise ImageError(
                f"{work.name}: clusters of {header.part_bytes} bytes are smaller than the sectors of"
                f" {disk.path} ({disk.sector_bytes}); rewrite it with qemu-img convert"
            )
    if size is not None and size > disk.size_bytes:
        raise ImageError(
            f"{work.name}: needs {size} bytes, {disk.path} has {disk.size_bytes};"
            " choose a larger disk (root device hints) or a smaller image"
        )
