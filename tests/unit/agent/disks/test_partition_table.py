"""Partition tables survive the move to another disk: nothing overlaps, nothing moves, checksums are right."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.disks import gpt, mbr
from agent.disks.partition_table import PartitionTable
from agent.errors import ConfigDriveError, ImageError

MIB = 1 << 20
DISK_ID = uuid.UUID(int=0x1234)


def image_head(
    sector_bytes: int, disk_sectors: int, places: list[tuple[int, int]], entries: int = 128
) -> bytearray:
    """Return the first MiB of a GPT image with partitions at (first, last) sector."""
    array_sectors = entries * 128 // sector_bytes
    table = gpt.Gpt(
        sector_bytes=sector_bytes,
        backup_lba=disk_sectors - 1,
        first_usable_lba=2 + array_sectors,
        last_usable_lba=disk_sectors - 2 - array_sectors,
        disk_id=DISK_ID,
        entries_lba=2,
        entry_count=entries,
        entry_bytes=128,
        entries=bytes(entries * 128),
    )
    for number, (first, last) in enumerate(places, 1):
        part = gpt.GptPartition(
            number=number,
            type_id=gpt.ESP_TYPE if number == 1 else gpt.LINUX_TYPE,
            unique_id=uuid.UUID(int=number),
            first_lba=first,
            last_lba=last,
            name=f"part {number}",
        )
        table = gpt.add_partition(table, part)
    head = bytearray(MIB)
    entry = mbr.MbrPartition(number=1, type_id=0xEE, first_lba=1, sectors=disk_sectors - 1)
    mbr.add_partition(head, entry)
    head[510:512] = b"\x55\xaa"
    gpt.write_primary(table, head)
    return head


@given(
    sector_bytes=st.sampled_from([512, 4096]),
    sizes_mib=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    extra_mib=st.integers(0, 200),
    wanted_mib=st.integers(1, 64),
)
def test_a_table_moved_to_a_larger_disk_keeps_its_partitions_and_never_overlaps(
    sector_bytes: int, sizes_mib: list[int], extra_mib: int, wanted_mib: int
) -> None:
    per_mib = MIB // sector_bytes
    places, at = [], per_mib
    for size in sizes_mib:
        places.append((at, at + size * per_mib - 1))
        at += size * per_mib
    head = image_head(sector_bytes, at + per_mib, places)
    disk_bytes = (at + per_mib) * sector_bytes + extra_mib * MIB
    before = PartitionTable(bytearray(head), sector_bytes).partitions()
    table = PartitionTable(head, sector_bytes)
    table.fit(disk_bytes)
    assert table.partitions() == before
    try:
        made = table.add_at_end("config-2", wanted_mib * MIB, disk_bytes)
    except ConfigDriveError:
        free = disk_bytes - before[-1].start_byte - before[-1].size_bytes
        assert free < (wanted_mib + 2) * MIB
    else:
        assert made.size_bytes == wanted_mib * MIB
        assert made.start_byte % MIB == 0
    again = PartitionTable(head, sector_bytes)
    assert again.partitions() == table.partitions()
    ends = [0]
    for part in sorted(again.partitions(), key=lambda part: part.start_byte):
        assert part.start_byte >= ends[-1]
        ends.append(part.start_byte + part.size_bytes)
    backup = again.backup()
    assert backup is not None
    start_byte, content = backup
    assert start_byte >= ends[-1]
    assert start_byte + len(content) == disk_bytes
    assert content[-sector_bytes:][:8] == b"EFI PART"


def test_the_backup_describes_the_same_partitions_as_the_primary() -> None:
    head = image_head(512, 20480, [(2048, 4095)])
    table = PartitionTable(head, 512)
    table.fit(64 * MIB)
    assert table.gpt is not None
    assert table.gpt.backup_lba == 64 * MIB // 512 - 1
    _, content = table.backup() or (0, b"")
    assert content[: 128 * 128] == table.gpt.entries
    assert mbr.partitions(head)[0].sectors == 64 * MIB // 512 - 1


def test_a_partition_beyond_the_disks_end_is_refused() -> None:
    head = image_head(512, 204800, [(2048, 200000)])
    with pytest.raises(ImageError, match=r"partition 1.*does not fit"):
        PartitionTable(head, 512).fit(64 * MIB)


@given(st.integers(512, 512 + 91), st.integers(1, 255))
def test_one_flipped_byte_of_the_header_is_noticed(at: int, change: int) -> None:
    head = image_head(512, 20480, [(2048, 4095)])
    head[at] ^= change
    with pytest.raises(ImageError):
        PartitionTable(head, 512)


@given(st.binary(min_size=92, max_size=92))
def test_any_header_is_parsed_or_refused(header: bytes) -> None:
    head = image_head(512, 20480, [])
    head[512 : 512 + 92] = b"EFI PART" + header[8:]
    with pytest.raises(ImageError):
        gpt.parse(head, 512)


def test_an_array_outside_of_the_first_mib_is_refused() -> None:
    head = image_head(512, 20480, [])
    table = gpt.parse(head, 512)
    small = bytearray(head[: 512 * 20])
    assert table.entries_lba == 2
    with pytest.raises(ImageError, match="impossible place"):
        gpt.parse(small, 512)


def test_an_image_for_other_sectors_is_named() -> None:
    head = image_head(512, 20480, [(2048, 4095)])
    with pytest.raises(ImageError, match="sectors of 512 bytes, but the disk has 4096"):
        PartitionTable(head, 4096)


def test_no_table_at_all_is_no_whole_disk_image() -> None:
    with pytest.raises(ImageError, match="no partition table"):
        PartitionTable(bytearray(MIB), 512)


def test_a_full_gpt_has_no_number_left() -> None:
    places = [(2048 + 8 * n, 2048 + 8 * n + 7) for n in range(128)]
    table = PartitionTable(image_head(512, 1 << 20, places), 512)
    table.fit(512 << 20)
    with pytest.raises(ConfigDriveError, match="GPT is full"):
        table.add_at_end("config-2", MIB, 512 << 20)


def test_an_mbr_partition_stays_below_two_tebibytes() -> None:
    head = bytearray(MIB)
    head[510:512] = b"\x55\xaa"
    mbr.add_partition(head, mbr.MbrPartition(number=1, type_id=0x83, first_lba=2048, sectors=2048))
    table = PartitionTable(head, 512)
    made = table.add_at_end("config-2", 64 * MIB, 8 << 40)
    assert made.number == 2
    assert made.start_byte + made.size_bytes <= 2 << 40
    assert made.start_byte > (2 << 40) - 70 * MIB


def test_the_disk_signature_is_written_as_ironic_writes_it() -> None:
    head = bytearray(512)
    head[440:444] = bytes.fromhex("78563412")
    assert mbr.disk_signature(head) == "0x12345678"
