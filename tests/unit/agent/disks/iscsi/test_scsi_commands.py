"""Commands are the bytes that SBC-4 and SPC-5 say, and answers are read by them."""

import struct

import pytest

from agent.disks.iscsi import commands
from agent.errors import DiskError


def test_reads_and_writes_name_their_first_block_and_their_number() -> None:
    place = "0000000012345678" + "00000800" + "0000"
    assert commands.read(0x12345678, 2048).hex() == "8800" + place
    assert commands.write(0x12345678, 2048).hex() == "8a00" + place
    assert commands.write_same(0x12345678, 2048).hex() == "9300" + place
    assert commands.flush().hex() == "9100" + 28 * "0"


def test_queries_say_how_much_they_take() -> None:
    capacity, limits = commands.capacity(), commands.block_limits()
    assert capacity.cdb.hex() == "9e10" + 16 * "0" + "00000020" + "0000"
    assert limits.cdb.hex() == "1201b0004000"
    assert (capacity.answer_bytes, limits.answer_bytes) == (32, 64)


def test_the_capacity_is_one_more_than_the_last_block() -> None:
    answer = struct.pack(">QI", 0xFFFF, 4096) + bytes(20)
    assert commands.read_capacity(answer) == (0x10000, 4096)


@pytest.mark.parametrize("size", [0, 1, 520, 1 << 20])
def test_what_has_no_sectors_of_a_disk_is_refused(size: int) -> None:
    with pytest.raises(DiskError, match=f"{size} bytes"):
        commands.read_capacity(struct.pack(">QI", 9, size) + bytes(20))


def page(transfer: int, zero: int, number: int = 0xB0) -> bytes:
    content = bytearray(64)
    content[1] = number
    struct.pack_into(">I", content, 8, transfer)
    struct.pack_into(">Q", content, 36, zero)
    return bytes(content)


@pytest.mark.parametrize(
    ("answer", "sector", "transfer", "zero"),
    [
        (None, 512, 2048, 0xFFFF),
        (page(0, 0), 4096, 256, 0xFFFF),
        (page(64, 128), 512, 64, 128),
        (page(1 << 20, 1 << 40), 512, 2048, 0xFFFFFFFF),
        (page(64, 128, number=0), 512, 2048, 0xFFFF),
    ],
)
def test_one_command_moves_what_the_target_allows_and_a_mebibyte_at_most(
    answer: bytes | None, sector: int, transfer: int, zero: int
) -> None:
    assert commands.read_limits(answer, sector) == commands.Limits(
        transfer_blocks=transfer, zero_blocks=zero
    )
