"""Gets a config drive: as text or from an http(s) URL, unpacked and checked for being a filesystem.

The content is an ISO 9660 or FAT filesystem; it never appears in messages.
"""

import base64
import binascii
import zlib

from agent.errors import ConfigDriveError
from agent.images.sources.http import Access, TryAgain, get, masked
from agent.images.sources.source import RetryPolicy
from agent.protocol.web_address import is_web_address

MAX_BYTES = 64 << 20
_MAX_TEXT_BYTES = 2 * MAX_BYTES
_GZIP = b"\x1f\x8b"
_ISO_MAGIC_AT = 0x8001
_ISO_SECTOR_BYTES = 2048
_FAT_SECTOR_BYTES = (512, 1024, 2048, 4096)


def decode(text: str | bytes) -> bytes:
    """Return the filesystem in a config drive: base64 of gzip, plain gzip, or the filesystem itself.

    Raises:
        ConfigDriveError: It is malformed, no filesystem that is known, or larger than 64 MiB.
    """
    data = text.encode() if isinstance(text, str) else text
    if not data.startswith(_GZIP) and sector_bytes(data) is None:
        try:
            data = base64.b64decode(b"".join(data.split()), validate=True)
        except binascii.Error as error:
            raise ConfigDriveError(
                "the config drive is neither base64 nor a filesystem; Ironic wants base64 of a gzipped ISO"
            ) from error
    if data.startswith(_GZIP):
        data = _gunzip(data)
    if len(data) > MAX_BYTES:
        raise ConfigDriveError(f"the config drive has {len(data)} bytes; {MAX_BYTES} are allowed")
    if sector_bytes(data) is None:
        raise ConfigDriveError("the config drive holds no ISO 9660 or FAT filesystem")
    return data


def _gunzip(data: bytes) -> bytes:
    stream = zlib.decompressobj(31)
    try:
        plain = stream.decompress(data, MAX_BYTES + 1)
    except zlib.error as error:
        raise ConfigDriveError(f"the config drive's gzip data is damaged: {error}") from error
    if len(plain) > MAX_BYTES:
        raise ConfigDriveError(f"the config drive unpacks to more than {MAX_BYTES} bytes")
    if not stream.eof:
        raise ConfigDriveError("the config drive's gzip data is cut off")
    return plain


def is_iso(data: bytes) -> bool:
    """Tell whether ``data`` is an ISO 9660 image."""
    return data[_ISO_MAGIC_AT : _ISO_MAGIC_AT + 5] == b"CD001"


def sector_bytes(data: bytes) -> int | None:
    """Return the sector size that the filesystem was made for; ``None`` = neither ISO 9660 nor FAT."""
    if is_iso(data):
        return _ISO_SECTOR_BYTES
    is_fat = data[510:512] == b"\x55\xaa" and data[:1] in (b"\xeb", b"\xe9")
    size = int.from_bytes(data[11:13], "little")
    return size if is_fat and size in _FAT_SECTOR_BYTES else None


def fetch(configdrive: str, access: Access, retry: RetryPolicy) -> bytes:
    """Return the filesystem of a config drive given as text or as an http(s) URL.

    Raises:
        ConfigDriveError: See :func:`decode`.
        ImageDownloadError: The server refuses.
    """
    if not is_web_address(configdrive):
        return decode(configdrive)
    failures = 0
    while True:
        try:
            with get(configdrive, access) as reply:
                return decode(reply.read(_MAX_TEXT_BYTES))
        except TryAgain as reason:
            failures += 1
            if failures >= retry.tries:
                raise ConfigDriveError(
                    f"config drive {masked(configdrive)}: gave up after {failures} tries: {reason}"
                ) from reason
            retry.sleep(retry.pause_s(failures))
