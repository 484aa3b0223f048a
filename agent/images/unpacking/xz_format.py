"""The outer layers of an xz file as values. Pure: bytes in, bytes out.

The .xz File Format, version 1.2.1: stream header (2.1.1), block header (3.1), index (4), stream footer (2.1.2).
"""

import struct
import zlib
from dataclasses import dataclass

STREAM_HEADER_BYTES = 12
STREAM_FOOTER_BYTES = 12
MAGIC = b"\xfd7zXZ\x00"
_FOOTER_MAGIC = b"YZ"
_CHECK_BYTES = (0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64)
_LZMA2_ID = 0x21
_HAS_BOTH_SIZES = 0xC0
_FILTERS_COUNT = 0x03
_MAX_DICTIONARY_CODE = 40
_MAX_VARINT_BYTES = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block whose header tells both sizes; ``dictionary_bytes`` is ``None`` for anything but a chain of LZMA2 alone.

    ``packed_bytes`` is what follows the header, padding and check included; ``unpadded_bytes`` what the index says of it.
    """

    packed_bytes: int
    unpadded_bytes: int
    content_bytes: int
    dictionary_bytes: int | None

    def record(self) -> bytes:
        """Return the block's record in an index."""
        return _varint(self.unpadded_bytes) + _varint(self.content_bytes)


def check_bytes(stream_header: bytes) -> int:
    """Return the size of the check behind each block.

    Raises:
        ValueError: It is no stream header, or a damaged one.
    """
    flags = stream_header[6:8]
    checksum = struct.unpack("<I", stream_header[8:12])[0]
    if stream_header[:6] != MAGIC or flags[0] or flags[1] >> 4 or zlib.crc32(flags) != checksum:
        raise ValueError("no stream header where one is due")
    return _CHECK_BYTES[flags[1]]


def block_header_bytes(first: int) -> int:
    """Return the size of a block header by its first byte, which is not 0 (an index begins with 0)."""
    return (first + 1) * 4


def parse_block(header: bytes, check_size: int) -> Block | None:
    """Parse a block header; ``None`` = it does not tell its sizes.

    Raises:
        ValueError: It is damaged.
    """
    if zlib.crc32(header[:-4]) != struct.unpack("<I", header[-4:])[0]:
        raise ValueError("a block header has a wrong checksum")
    if header[1] & ~_FILTERS_COUNT != _HAS_BOTH_SIZES:
        return None
    packed, at = _read_varint(header, 2)
    content, at = _read_varint(header, at)
    has_lzma2 = header[at : at + 2] == bytes((_LZMA2_ID, 1))
    is_plain = header[1] == _HAS_BOTH_SIZES and has_lzma2 and header[at + 2] <= _MAX_DICTIONARY_CODE
    unpadded = len(header) + packed + check_size
    return Block(
        packed_bytes=packed + -packed % 4 + check_size,
        unpadded_bytes=unpadded,
        content_bytes=content,
        dictionary_bytes=_dictionary_bytes(header[at + 2]) if is_plain else None,
    )


def first_dictionary_bytes(start: bytes) -> int | None:
    """Return the dictionary of the first block of a stream; ``None`` = ``start`` does not tell it.

    The last filter of a chain is the one with a dictionary: its properties are the last bytes before padding and checksum.
    """
    header = start[STREAM_HEADER_BYTES:]
    if not start.startswith(MAGIC) or not header or not header[0]:
        return None
    header = header[: block_header_bytes(header[0]) - 4]
    at = header.rstrip(b"\0").rfind(bytes((_LZMA2_ID, 1)))
    code = header[at + 2] if 0 < at < len(header) - 2 else _MAX_DICTIONARY_CODE + 1
    return _dictionary_bytes(code) if code <= _MAX_DICTIONARY_CODE else None


def index(records: bytes | bytearray, count: int) -> bytes:
    """Return the index of ``count`` blocks."""
    body = b"\0" + _varint(count) + records
    body += bytes(-len(body) % 4)
    return body + struct.pack("<I", zlib.crc32(body))


def footer(stream_header: bytes, index_bytes: int) -> bytes:
    """Return the footer that belongs to a header and an index."""
    body = struct.pack("<I", index_bytes // 4 - 1) + stream_header[6:8]
    return struct.pack("<I", zlib.crc32(body)) + body + _FOOTER_MAGIC


def _dictionary_bytes(code: int) -> int:
    """Return the size of the dictionary; section 5.3.1."""
    if code == _MAX_DICTIONARY_CODE:
        return (1 << 32) - 1
    return (2 | (code & 1)) << (code // 2 + 11)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:  # noqa: PLR2004  # seven bits a byte, section 1.2
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number and where the next one begins."""
    number = 0
    for index_, byte in enumerate(data[at : at + _MAX_VARINT_BYTES]):
        number |= (byte & 0x7F) << (7 * index_)
        if not byte & 0x80:
            return number, at + index_ + 1
    raise ValueError("a block header has no end")
