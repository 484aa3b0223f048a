"""Everything that is fetched and checked before an image is written: nothing here touches a disk."""

import ssl
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from agent.errors import ImageDownloadError, ImageError
from agent.images.config_drives.config_drive_source import fetch
from agent.images.flow.meter import Meter
from agent.images.formats.recognition import ImageFormat, check_declared, check_permitted
from agent.images.inside import Inside, look_inside
from agent.images.proof.witness import Verification
from agent.images.sources.address import refused_order, usable_order
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
    ``formats`` are those that may be written, in Ironic's words; ``None`` = all, whatever the controller says of an image's format.
    """

    allow_md5: bool = False
    allow_unverified: bool = False
    config_drive_rebuild: bool = False
    formats: tuple[str, ...] | None = ("raw", "gpt", "qcow2")
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
    inside: Inside

    @property
    def look(self) -> Callable[[int, int], bytes] | None:
        """Reads (start byte, size) of the image's content while it is not streamed; ``None`` = that is not possible."""
        if self.inside.found is not ImageFormat.RAW or not self.source.has_ranges:
            return None
        self.source.disconnect()  # goes on later; some servers answer one connection at a time
        return self.source.read_at


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
    inside = look_inside(source, checksum.algorithm, name, meter)
    if settings.formats is not None:
        check_permitted(inside.found, image.disk_format, settings.formats, name)
        check_declared(inside.found, image.disk_format, name)
    return Work(
        image=image,
        name=name,
        source=source,
        checksum=checksum,
        configdrive=drive,
        inside=inside,
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
