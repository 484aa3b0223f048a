"""Everything that is fetched and checked before an image is written: nothing here touches a disk."""

import base64
import binascii
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urlsplit

from agent.errors import ImageDownloadError
from agent.images import qcow2
from agent.images.checksum import Checksum, expected_checksum
from agent.images.config_drive_source import fetch
from agent.images.formats import PROBE_BYTES, ImageFormat, check_declared, detect
from agent.images.http import Access, basic_authorization, masked
from agent.images.meter import Meter
from agent.images.pipeline import Pipeline
from agent.images.qcow2_sink import TableWatch
from agent.images.source import HttpSource, RetryPolicy
from agent.images.spool import SpooledFile
from agent.protocol.image import ImageInfo

_MAX_CHECKSUM_FILE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterSettings:
    """Settings of the writer.

    ``stall_timeout_s`` bounds each connect and each read, never the whole transfer; ``tls`` = ``None`` uses the system's
    certificates; ``allow_md5`` accepts MD5 checksums, which protect against accidents only; ``config_drive_rebuild`` makes
    every config drive anew as FAT.
    """

    allow_md5: bool = False
    config_drive_rebuild: bool = False
    stall_timeout_s: float = 60.0
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
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
    if not image.urls:
        raise ImageDownloadError(f"image {image.id}: no URL given")
    access = _access(image, settings)
    retry = settings.retry
    name = unquote(urlsplit(image.urls[0]).path.rsplit("/", 1)[-1]) or image.id
    content = None
    if configdrive:
        content = fetch(configdrive, replace(access, authorization=None, proxies={}), retry)
    checksum = expected_checksum(
        image,
        name,
        lambda url: _fetch_text(url, access, retry),
        allow_md5=settings.allow_md5,
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
    return Work(
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


def _access(image: ImageInfo, settings: WriterSettings) -> Access:
    return Access(
        authorization=_authorization(image),
        authorized_url=image.urls[0],
        proxies=image.proxies or {},
        no_proxy=image.no_proxy or "",
        tls=settings.tls,
        timeout_s=settings.stall_timeout_s,
    )


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
