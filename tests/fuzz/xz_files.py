"""Makes xz files block by block, which neither the xz program nor :mod:`lzma` lets one do: sizes, filters, empty blocks."""

import lzma
import zlib
from collections.abc import Mapping, Sequence

from agent.images.unpacking import xz_format

Chain = Sequence[Mapping[str, int]]
_PLAIN: Chain = ({"id": lzma.FILTER_LZMA2, "preset": 0},)
_CRC64_BYTES = 8


def stream(
    blocks: list[bytes],
    *,
    sizes: bool = True,
    unsized: frozenset[int] = frozenset(),
    filters: Mapping[int, Chain] | None = None,
) -> bytes:
    """Return an xz stream with these blocks as ``xz -T0`` makes it: lzma makes one block a stream, joined here.

    ``unsized`` blocks, or all without ``sizes``, do not tell their sizes; ``filters`` are chains of single blocks.
    """
    header, body, records = lzma.compress(b"")[:12], b"", b""
    for number, content in enumerate(blocks):
        block, data, data_bytes = _one_block(content, (filters or {}).get(number, _PLAIN))
        if sizes and number not in unsized:
            block = sized_header(block, data_bytes, len(content))
        unpadded = len(block) + data_bytes + _CRC64_BYTES
        body += block + data
        records += xz_format._varint(unpadded) + xz_format._varint(len(content))
    index = xz_format.index(records, len(blocks))
    return header + body + index + xz_format.footer(header, len(index))


def _one_block(content: bytes, chain: Chain) -> tuple[bytes, bytes, int]:
    """Return header, data with padding and check, and the size of the data alone."""
    packed = lzma.compress(content or b"x", filters=chain)
    header_bytes = xz_format.block_header_bytes(packed[12])
    header = packed[12 : 12 + header_bytes]
    if (
        not content
    ):  # lzma makes no block then; the end marker of LZMA2, padded, and the CRC of nothing
        return header, bytes(4 + _CRC64_BYTES), 1
    index_bytes = (int.from_bytes(packed[-8:-4], "little") + 1) * 4
    unpadded = xz_format._read_varint(packed, len(packed) - 12 - index_bytes + 2)[0]
    data = packed[12 + header_bytes : -12 - index_bytes]
    return header, data, unpadded - header_bytes - _CRC64_BYTES


def sized_header(plain: bytes, packed_bytes: int, content_bytes: int) -> bytes:
    """Add both sizes to a block header of lzma, which has none."""
    sizes = xz_format._varint(packed_bytes) + xz_format._varint(content_bytes)
    fields = bytes([0xC0 | plain[1]]) + sizes + plain[2:-4]
    fields += bytes(-(len(fields) + 1) % 4)
    body = bytes([(len(fields) + 1) // 4]) + fields
    return body + zlib.crc32(body).to_bytes(4, "little")
