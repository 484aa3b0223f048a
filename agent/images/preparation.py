"""Everything that is fetched and checked before an image is written: nothing here touches a disk."""

import ssl
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from agent.errors import ImageDownloadError, ImageError
from agent.images.config_drives.config_drive_source import fetch
from agent.images.flow.meter import Meter
from agent.images.flow.pipeline import Pipeline
from agent.images.flow.qcow2_sink import TableWatch
from agent.images.formats import first_look
from agent.images.formats.qcow2_header import read_header
from agent.images.formats.qcow2_map import Map, read_map
from agent.images.formats.recognition import PROBE_BYTES, ImageFormat, check_declared, detect
from agent.images.proof.witness import Verification
from agent.images.sources.address import refused_order, usable_order
from agent.images.sources.forward_reader import ForwardReader
from agent.images.sources.http import Access, masked
from agent.images.sources.mirrors import Mirrors
from agent.images.sources.opening import Opener, SourceRules, open_image
from agent.images.sources.pace import Pace
from agent.images.sources.source import HttpSource, RetryPolicy
from agent.protocol.checksum import Checksum, choose_checksum, expected_checksum, has_checksum
from agent.protocol.image import ImageInfo
from agent.protocol.image_rules import authorization, is_artifact
from agent.protocol.refusal import Refusal
from agent.protocol.web_address import file_name_of

_MAX_CHECKSUM_FILE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterSettings:
    """Settings of the writer.

    ``stall_timeout_s`` bounds each connect and each read, never the whole transfer; ``tls`` = ``None`` uses the system's
    certificates; ``allow_md5`` accepts MD5 checksums, which protect against accidents only; ``allow_unverified`` accepts an
    image without any; ``stall_least_bytes`` is what must come in ``stall_timeout_s`` of waiting; ``sources`` says where images may
    come from; ``verify`` says how much of the disk is read back; ``config_drive_rebuild`` makes every config drive anew as FAT.
    """

    allow_md5: bool = False
    allow_unverified: bool = False
    config_drive_rebuild: bool = False
    stall_timeout_s: float = 60.0
    stall_least_bytes: int = 1 << 16
    sources: SourceRules = field(default_factory=SourceRules)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    tls: ssl.SSLContext | None = None
    verify: Verification = Verification.SAMPLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What was found out before the first write; ``source`` is where the image comes from, by now."""

    image: ImageInfo
    name: str
    source: Mirrors
    checksum: Checksum
    configdrive: bytes | None
    found: ImageFormat
    pipeline: Pipeline
    tables: Map | None
    watch: TableWatch
    head: first_look.Head
    size_bytes: int | None


def prepare(
    image: ImageInfo,
    configdrive: str | None,
    settings: WriterSettings,
    meter: Meter,
    clean_up: ExitStack,
) -> Work:
    """Fetch and check everything that is needed before the first write.

    Args:
        image: What the controller sent.
        configdrive: Its content as text, or its URL; ``None`` = none.
        settings: Settings of the writer.
        meter: Hears of every connection that is lost.
        clean_up: Closes what was opened here.

    Raises:
        ImageError: The image is unusable, or has no usable checksum.
        ImageDownloadError: It cannot be fetched.
        ConfigDriveError: The config drive is unusable.
    """
    image = usable_order(
        image, allow_md5=settings.allow_md5, allow_unverified=settings.allow_unverified
    )
    access = _access(image, settings)
    name = file_name_of(image.urls[0]) or image.id
    drive = None
    if configdrive:
        drive = fetch(configdrive, replace(access, authorization=None, proxies={}), settings.retry)
    source, checksum = _open(image, name, access, settings, meter, clean_up)
    pipeline = Pipeline(source, checksum.algorithm, meter)
    start = bytes(pipeline.first.view[: min(PROBE_BYTES, pipeline.first.used_bytes)])
    found = detect(start, name)
    check_declared(found, image.disk_format, name)
    tables, watch, head = _look_inside(found, name, source, pipeline, start, meter)
    return Work(
        image=image,
        name=name,
        source=source,
        checksum=checksum,
        configdrive=drive,
        found=found,
        pipeline=pipeline,
        tables=tables,
        watch=watch,
        head=head,
        size_bytes=source.size_bytes,
    )


def _open(
    image: ImageInfo,
    name: str,
    access: Access,
    settings: WriterSettings,
    meter: Meter,
    clean_up: ExitStack,
) -> tuple[Mirrors, Checksum]:
    """Find out the checksum and connect; without a checksum nothing is asked of a server that could not give one."""
    may_lack = settings.allow_unverified or any(map(is_artifact, image.urls))
    given = None
    if has_checksum(image) or not may_lack:
        given = _expected(image, name, access, settings)
    published: list[Checksum] = []
    opener = Opener(
        access=access,
        retry=settings.retry,
        rules=settings.sources,
        notify=meter.say,
        published=published,
        is_verified=given is not None,
    )
    if settings.tls is not None and settings.tls.verify_mode is ssl.CERT_NONE:
        meter.say(
            "the certificates of image servers are not verified: the agent's setting image_insecure"
        )
    source = open_image(image, opener, clean_up)
    try:
        checksum = choose_checksum(
            given,
            published[0] if published else None,
            image.id,
            allow_unverified=settings.allow_unverified,
        )
    except Refusal as error:
        raise ImageError(refused_order(error)) from error
    if checksum.digest is None:
        meter.say(
            "the image has no checksum; the operator's settings allow it to be written unverified"
        )
    return source, checksum


def _expected(image: ImageInfo, name: str, access: Access, settings: WriterSettings) -> Checksum:
    try:
        return expected_checksum(
            image,
            name,
            lambda url: _fetch_small(url, access, settings.retry),
            allow_md5=settings.allow_md5,
        )
    except Refusal as error:
        raise ImageError(refused_order(error)) from error


def _access(image: ImageInfo, settings: WriterSettings) -> Access:
    return Access(
        authorization=authorization(image),
        authorized_url=image.urls[0],
        proxies=image.proxies or {},
        no_proxy=image.no_proxy or "",
        tls=settings.tls,
        pace=Pace(timeout_s=settings.stall_timeout_s, least_bytes=settings.stall_least_bytes),
    )


def _fetch_small(url: str, access: Access, retry: RetryPolicy) -> bytes:
    """Return a checksum file."""
    source = HttpSource(url, access, retry)
    room = memoryview(bytearray(_MAX_CHECKSUM_FILE_BYTES + 1))
    try:
        size = source.read_into(room)
    finally:
        source.disconnect()
    if size > _MAX_CHECKSUM_FILE_BYTES:
        raise ImageDownloadError(f"{masked(url)}: too large for a checksum file")
    return bytes(room[:size])


def _look_inside(
    found: ImageFormat, name: str, source: Mirrors, pipeline: Pipeline, start: bytes, meter: Meter
) -> tuple[Map | None, TableWatch, first_look.Head]:
    """Return the tables (``None`` = the format has none), who watches them, and the beginning of the content."""
    if found is ImageFormat.QCOW2:
        return _read_tables(source, pipeline, start, meter)
    head = first_look.head_of_stream(pipeline.first, found, name)
    return None, TableWatch(source.read_at), head


def _read_tables(
    source: Mirrors, pipeline: Pipeline, start: bytes, meter: Meter
) -> tuple[Map, TableWatch, first_look.Head]:
    """Read the tables and the content's head of a qcow2 image, by Range if the server can, else in passes of their own."""
    if source.has_ranges and source.size_bytes is not None:
        source.disconnect()  # goes on later; some servers answer one connection at a time
        watch, size = TableWatch(source.read_at), source.size_bytes
        tables = read_map(read_header(start, size), watch.read)
        return tables, watch, first_look.head_of_qcow2(tables, watch.read)
    reader = ForwardReader(source, meter)
    size = reader.measure()
    watch = TableWatch(reader.read_at)
    tables = read_map(read_header(start, size), watch.read)
    head = first_look.head_of_qcow2(tables, watch.read)
    source.seek(pipeline.first.used_bytes)
    return tables, watch, head
