"""Streams a whole-disk image from a web server to a disk, verifies it, adds the config drive, and only then lets it boot.

Order (nothing is written before everything that can be checked is checked): config drive and checksum, the image's
beginning and tables, the disk; then wipe the disk's tables, stream, compare the checksum, config drive, backup GPT, and the
first MiB last.
"""

import base64
import binascii
import logging
import ssl
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urlsplit

from agent.disks import mbr
from agent.disks.kernel_view import show_partitions
from agent.disks.open_disk import OpenDisk
from agent.disks.partition_table import PartitionTable
from agent.errors import ImageDownloadError, ImageError
from agent.hardware.capabilities import ProgressSink, WrittenImage
from agent.hardware.devices import BlockDevice
from agent.images import config_drive, qcow2
from agent.images.checksum import Checksum, expected_checksum
from agent.images.formats import PROBE_BYTES, ImageFormat, check_declared, detect
from agent.images.http import Access, basic_authorization, masked
from agent.images.meter import Meter
from agent.images.pipeline import Pipeline
from agent.images.qcow2_sink import TableWatch
from agent.images.source import HttpSource, RetryPolicy
from agent.images.spool import SpooledFile
from agent.images.target import ImageTarget
from agent.protocol.image import ImageInfo
from agent.system.runner import Runner

log = logging.getLogger(__name__)
_MAX_CHECKSUM_FILE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterSettings:
    """Settings of the writer.

    ``stall_timeout_s`` bounds each connect and each read, never the whole transfer; ``tls`` = ``None`` uses the system's
    certificates; ``allow_md5`` accepts MD5 checksums, which protect against accidents only.
    """

    allow_md5: bool = False
    stall_timeout_s: float = 60.0
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What was found out before the first write."""

    image: ImageInfo
    name: str
    checksum: Checksum
    configdrive: bytes | None
    found: ImageFormat
    pipeline: Pipeline
    tables: qcow2.Map | None
    watch: TableWatch
    size_bytes: int | None


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
            work = self._prepare(image, configdrive, meter, clean_up)
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

    def _prepare(
        self, image: ImageInfo, configdrive: str | None, meter: Meter, clean_up: ExitStack
    ) -> _Work:
        """Fetch and check everything that is needed before the first write."""
        if image.image_type == "partition":
            raise ImageError(
                f"image {image.id}: partition images are not supported; publish a whole-disk image"
                " and set image_type to whole-disk"
            )
        if not image.urls:
            raise ImageDownloadError(f"image {image.id}: no URL given")
        access = self._access(image)
        retry = self._settings.retry
        name = unquote(urlsplit(image.urls[0]).path.rsplit("/", 1)[-1]) or image.id
        content = None
        if configdrive:
            content = config_drive.fetch(
                configdrive, replace(access, authorization=None, proxies={}), retry
            )
        checksum = expected_checksum(
            image,
            name,
            lambda url: _fetch_text(url, access, retry),
            allow_md5=self._settings.allow_md5,
        )
        source = _first_source(image, access, retry, meter.say)
        clean_up.callback(source.disconnect)
        pipeline = Pipeline(source, checksum.algorithm, meter)
        start = bytes(pipeline.first.view[: min(PROBE_BYTES, pipeline.first.used_bytes)])
        found = detect(start, name)
        check_declared(found, image.disk_format, name)
        watch = TableWatch(source.read_at)
        tables = None
        if found is ImageFormat.QCOW2:
            tables, watch = _read_tables(source, pipeline, start, meter, clean_up)
        return _Work(
            image=image,
            name=name,
            checksum=checksum,
            configdrive=content,
            found=found,
            pipeline=pipeline,
            tables=tables,
            watch=watch,
            size_bytes=source.size_bytes,
        )

    def _access(self, image: ImageInfo) -> Access:
        return Access(
            authorization=_authorization(image),
            authorized_url=image.urls[0],
            proxies=image.proxies or {},
            no_proxy=image.no_proxy or "",
            tls=self._settings.tls,
            timeout_s=self._settings.stall_timeout_s,
        )

    def _stream(self, work: _Work, target: ImageTarget, meter: Meter) -> str:
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

    def _complete(self, work: _Work, target: ImageTarget, meter: Meter) -> PartitionTable:
        """Make the disk whole: flush, config drive, backup table, and the head last."""
        disk = target.disk
        table = PartitionTable(target.head, disk.sector_bytes)
        table.fit(disk.size_bytes)
        if not table.partitions():
            raise ImageError(
                f"{work.name}: its partition table is empty; a whole-disk image is wanted"
            )
        meter.begin("flush")
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
        disk.write_bytes(target.head, 0)
        disk.flush()
        if disk.read(0, len(target.head)) != target.head:
            raise ImageError(
                f"{disk.path}: the first MiB reads back differently; the disk is faulty"
            )
        return table


def _authorization(image: ImageInfo) -> str | None:
    """Return the ``Authorization`` header for the image's server."""
    if image.image_request_authorization:
        try:
            value = base64.b64decode(image.image_request_authorization, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise ImageDownloadError(
                "image_request_authorization is not base64 of an Authorization header's value"
            ) from error
        return value.strip()
    if image.image_server_auth_strategy == "http_basic":
        return basic_authorization(image.image_server_user or "", image.image_server_password or "")
    return None


def _first_source(
    image: ImageInfo, access: Access, retry: RetryPolicy, notify: Callable[[str], None]
) -> HttpSource:
    """Connect to the first URL that answers."""
    failures = []
    for url in image.urls:
        try:
            return HttpSource(url, replace(access, authorized_url=url), retry, notify)
        except ImageDownloadError as error:
            failures.append(str(error))
    raise ImageDownloadError("; ".join(failures))


def _fetch_text(url: str, access: Access, retry: RetryPolicy) -> str:
    """Return a checksum file."""
    source = HttpSource(url, access, retry)
    room = memoryview(bytearray(_MAX_CHECKSUM_FILE_BYTES + 1))
    try:
        size = source.read_into(room)
    finally:
        source.disconnect()
    if size > _MAX_CHECKSUM_FILE_BYTES:
        raise ImageDownloadError(f"{masked(url)}: too large for a checksum file")
    return bytes(room[:size]).decode(errors="replace")


def _read_tables(
    source: HttpSource, pipeline: Pipeline, start: bytes, meter: Meter, clean_up: ExitStack
) -> tuple[qcow2.Map, TableWatch]:
    """Read the tables of a qcow2 image, by Range if the server can, else from a copy in memory."""
    if source.has_ranges and source.size_bytes is not None:
        source.disconnect()  # goes on later; some servers answer one connection at a time
        watch, size = TableWatch(source.read_at), source.size_bytes
    else:
        first = pipeline.first.view[: pipeline.first.used_bytes]
        spooled = SpooledFile(source.url, source.size_bytes, first, source, meter)
        clean_up.callback(spooled.close)
        pipeline.replace_stream(spooled)
        watch, size = TableWatch(spooled.read_at), spooled.size_bytes
    return qcow2.read_map(qcow2.read_header(start, size), watch.read), watch


def _check_fit(work: _Work, disk: OpenDisk) -> None:
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
