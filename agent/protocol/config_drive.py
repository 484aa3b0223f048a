"""What a config drive is: an ISO 9660 or FAT filesystem, alone, packed with gzip, or base64 of either. Pure.

The controller checks a drive before it stores it, the agent before it writes it, by this one function. The content never
appears in messages.
"""

import base64
import binascii
import zlib

from agent.protocol.refusal import Refusal

MAX_BYTES = 64 << 20
"""Of the packed drive and of what is in it (Ironic's limit)."""
MAX_TEXT_BYTES = 2 * MAX_BYTES
"""Room for base64 of that, with line ends."""
_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 31
"""Largest window, with gzip's header and checksum (zlib.h, inflateInit2)."""
_ISO_MAGIC_AT = 0x8001
_ISO_SECTOR_BYTES = 2048
_FAT_SECTOR_BYTES = (512, 1024, 2048, 4096)
_MAX_PARTS = 10_000
"""Members of a gzip file; more are no drive but an attack on the patience of who unpacks them."""
_OTHER_FORMS = (
    (b"\xfd7zXZ\x00", "packed with xz"),
    (b"BZh", "packed with bzip2"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd"),
    (b"PK\x03\x04", "a zip archive"),
    (b"QFI\xfb", "a qcow2 image"),
)
_WANTED = "; a config drive is base64 of a gzip-compressed ISO 9660 or FAT image"


def decode(text: str | bytes) -> bytes:
    """Return the filesystem in a config drive.

    Base64 may have line ends and may lack its padding; gzip may have several members.

    Raises:
        Refusal: It is malformed, no filesystem that is known, or larger than 64 MiB, packed or unpacked.
    """
    _, drive = _opened(text)
    return drive


def packed(text: str) -> str:
    """Return a config drive in the one form that every agent takes: base64 with padding of gzip.

    Raises:
        Refusal: See :func:`decode`.
    """
    content, drive = _opened(text)
    return base64.b64encode(content).decode() if content.startswith(_GZIP) else pack(drive)


def pack(drive: bytes) -> str:
    """Return a filesystem as the text that agents take."""
    stream = zlib.compressobj(6, zlib.DEFLATED, _GZIP_WINDOW)
    return base64.b64encode(stream.compress(drive) + stream.flush()).decode()


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


def _opened(text: str | bytes) -> tuple[bytes, bytes]:
    """Return what is in the base64, and the filesystem in that."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(data) > MAX_TEXT_BYTES:
        raise Refusal(f"the config drive has {len(data)} letters; {MAX_TEXT_BYTES} are allowed")
    if not data.startswith(_GZIP) and sector_bytes(data) is None:
        data = _from_base64(data)
    if len(data) > MAX_BYTES:
        raise Refusal(f"the config drive has {len(data)} bytes; {MAX_BYTES} are allowed")
    drive = _gunzip(data) if data.startswith(_GZIP) else data
    if sector_bytes(drive) is None:
        raise Refusal(f"the config drive {_what_it_is(drive)}{_WANTED}")
    return data, drive


def _from_base64(data: bytes) -> bytes:
    letters = b"".join(data.split()).rstrip(b"=")
    if not letters:
        raise Refusal("the config drive is empty; leave it out instead")
    try:
        return base64.b64decode(letters + b"=" * (-len(letters) % 4), validate=True)
    except binascii.Error as error:
        raise Refusal(f"the config drive is neither base64 nor a filesystem{_WANTED}") from error


def _gunzip(data: bytes) -> bytes:
    plain, rest = bytearray(), data
    for _ in range(_MAX_PARTS):
        stream = zlib.decompressobj(_GZIP_WINDOW)
        try:
            plain += stream.decompress(rest, MAX_BYTES + 1 - len(plain))
        except zlib.error as error:
            raise Refusal(f"the config drive's gzip data is damaged: {error}") from error
        if len(plain) > MAX_BYTES:
            raise Refusal(f"the config drive unpacks to more than {MAX_BYTES} bytes")
        if not stream.eof:
            raise Refusal("the config drive's gzip data is cut off")
        rest = stream.unused_data.lstrip(b"\0")  # gzip(1) ignores zeros behind the last member
        if not rest:
            return bytes(plain)
    raise Refusal(f"the config drive's gzip data has more than {_MAX_PARTS} members")


def _what_it_is(data: bytes) -> str:
    """Say what else it is, in words that show nothing of it."""
    for magic, words in _OTHER_FORMS:
        if data.startswith(magic):
            return f"is {words}"
    if not data:
        return "is empty"
    try:
        inner = _from_base64(data[:4096]) if data.isascii() else b""
    except Refusal:
        inner = b""
    if inner.startswith(_GZIP) or inner[:1] == b"\0":
        return "was base64-encoded twice"
    if data.startswith(_GZIP):
        return "was packed with gzip twice"
    return (
        "holds text"
        if data.isascii() and b"\0" not in data
        else "holds no ISO 9660 or FAT filesystem"
    )
