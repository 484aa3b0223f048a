"""Fetches a file for a step, as images are fetched: resumed, through proxies, with the operator's TLS rules, verified.

Implements :class:`agent.hardware.tools.Fetch`.
"""

import hashlib
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from agent.errors import ImageDownloadError, ImageError
from agent.hardware.image_rules import ImageRules
from agent.hardware.tools import MOST_FETCHED_BYTES, ProgressSink
from agent.images.flow.meter import Meter
from agent.images.operator_rules import writer_settings
from agent.images.sources.http import Access
from agent.images.sources.mirrors import Mirrors
from agent.images.sources.opening import Opener, open_image
from agent.images.sources.pace import Pace
from agent.protocol.checksum import Checksum, check_digest, choose_checksum
from agent.protocol.image import ImageInfo
from agent.protocol.image_rules import is_artifact, usable_address
from agent.protocol.refusal import Refusal
from agent.protocol.web_address import file_name_of, shown_url
from agent.system.stop_signal import StopSignal

_CHUNK_BYTES = 1 << 18
_LONGEST_S = 4 * 3600.0
"""For the whole download; the pace of the image sources bounds each read."""
_PROXIES = {"http": "image_http_proxy", "https": "image_https_proxy"}


class Downloader:
    """Fetches files for one step; ``node`` may name proxies in its ``driver_info``, as for images."""

    def __init__(
        self,
        rules: ImageRules,
        node: Mapping[str, Any],
        progress: ProgressSink,
        stop: StopSignal,
    ) -> None:
        self._rules = rules
        self._node = node
        self._progress = progress
        self._stop = stop

    def __call__(
        self,
        url: str,
        into: Path,
        checksum: str | None = None,
        most_bytes: int = MOST_FETCHED_BYTES,
    ) -> Path:
        """See :class:`agent.hardware.tools.Fetch`."""
        shown = shown_url(url)
        target = into / _file_name(url) if into.is_dir() else into
        part = target.with_name(f"{target.name}.part")
        meter = Meter(self._progress)
        meter.begin("fetch", message=shown)
        try:
            with ExitStack() as clean_up, part.open("wb") as file:
                source, expected = self._open(url, checksum, meter, clean_up)
                _refuse_large(source.size_bytes, most_bytes, shown)
                meter.begin("fetch", source.size_bytes, message=shown)
                digest = self._copy(source, file, expected.algorithm, most_bytes, meter)
            if expected.digest is not None and digest != expected.digest:
                raise ImageError(
                    f"{shown}: its {expected.algorithm} is {digest}, expected was {expected.digest};"
                    " the file or the checksum is wrong"
                )
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        meter.end()
        return target

    def _open(
        self, url: str, checksum: str | None, meter: Meter, clean_up: ExitStack
    ) -> tuple[Mirrors, Checksum]:
        """Connect, and find out which digest the file must have."""
        rules = self._rules
        settings = writer_settings(rules)
        try:
            address = usable_address(url)
            given = check_digest(checksum, allow_md5=rules.allow_md5) if checksum else None
        except Refusal as error:
            raise ImageError(f"fetch: {error}") from error
        if given is None and not rules.allow_unverified and not is_artifact(address):
            raise ImageError(
                f"{shown_url(url)}: no checksum is given; name its sha256, or allow it with the setting"
                " allow_unverified_images"
            )
        published: list[Checksum] = []
        opener = Opener(
            access=self._access(
                Pace(timeout_s=rules.stall_timeout_s, least_bytes=rules.stall_least_bytes)
            ),
            retry=replace(settings.retry, sleep=self._pause),
            rules=settings.sources,
            notify=meter.say,
            published=published,
            is_verified=given is not None,
        )
        opener = replace(opener, access=replace(opener.access, tls=settings.tls))
        name = file_name_of(address) or address
        source = open_image(ImageInfo(id=name, urls=[address]), opener, clean_up)
        registry = published[0] if published else None
        try:
            expected = choose_checksum(
                given, registry, name, allow_unverified=rules.allow_unverified
            )
        except Refusal as error:
            raise ImageError(f"fetch: {error}") from error
        return source, expected

    def _access(self, pace: Pace) -> Access:
        told = self._node.get("driver_info") or {}
        proxies = {scheme: str(told[key]) for scheme, key in _PROXIES.items() if told.get(key)}
        return Access(proxies=proxies, no_proxy=str(told.get("image_no_proxy") or ""), pace=pace)

    def _copy(
        self, source: Mirrors, file: BinaryIO, algorithm: str, most_bytes: int, meter: Meter
    ) -> str:
        """Write the stream to ``file``; return its digest."""
        hashed = hashlib.new(algorithm, usedforsecurity=False)
        room = memoryview(bytearray(_CHUNK_BYTES))
        until = time.monotonic() + _LONGEST_S
        count = len(room)
        while count == len(room):
            self._stop.check("the download")
            if time.monotonic() > until:
                raise ImageDownloadError(
                    f"{source.where}: not complete after {_LONGEST_S:g} s; give a faster server"
                )
            count = source.read_into(room)
            _refuse_large(source.position, most_bytes, source.where)
            hashed.update(room[:count])
            file.write(room[:count])
            meter.advance(count)
        return hashed.hexdigest()

    def _pause(self, seconds: float) -> None:
        self._stop.wait(seconds)
        self._stop.check("the download")


def _file_name(url: str) -> str:
    """Return a name for the file that no folder can be left with."""
    name = file_name_of(url)
    is_plain = name.isprintable() and name not in {"", ".", ".."} and "/" not in name
    return name if is_plain and len(name.encode(errors="replace")) <= 200 else "download"  # noqa: PLR2004


def _refuse_large(size_bytes: int | None, most_bytes: int, where: str) -> None:
    if size_bytes is not None and size_bytes > most_bytes:
        raise ImageDownloadError(
            f"{where}: {size_bytes} bytes or more, at most {most_bytes} are taken; is it the right file?"
        )
