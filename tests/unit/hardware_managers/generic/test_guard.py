"""Filesystems that several machines share are found on disks whose partition table is damaged, wherever a copy of it is left."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.disks import gpt, mbr
from agent.disks.partition_table import PartitionTable
from hardware_managers.generic.guard import shared_filesystem
from tests.unit.agent.disks.test_partition_table import image_head

MIB = 1 << 20
DISK_BYTES = 8 * MIB
GFS2 = bytes.fromhex("01161970")
TYPES = {
    "VMFS": uuid.UUID("aa31e02a-400f-11db-9590-000c2911d1b8"),
    "GPFS": uuid.UUID("37affc90-ef7d-4e96-91c3-2d7ae055b174"),
    "GFS2": gpt.LINUX_TYPE,
}


def disk_with(kind: str, sector_bytes: int) -> bytearray:
    """Return a disk of 8 MiB whose second partition, at 3 MiB, is a shared filesystem."""
    per_mib = MIB // sector_bytes
    head = image_head(sector_bytes, DISK_BYTES // sector_bytes, [(per_mib, 2 * per_mib - 1)])
    table = gpt.add_partition(
        gpt.parse(head, sector_bytes),
        gpt.GptPartition(
            number=2,
            type_id=TYPES[kind],
            unique_id=uuid.UUID(int=2),
            first_lba=3 * per_mib,
            last_lba=5 * per_mib - 1,
        ),
    )
    gpt.write_primary(table, head)
    disk = bytearray(DISK_BYTES)
    disk[:MIB] = head
    start, content = gpt.backup(table)
    disk[start : start + len(content)] = content
    if kind == "GFS2":
        disk[3 * MIB + 0x10000 : 3 * MIB + 0x10000 + len(GFS2)] = GFS2
    return disk


def found_on(disk: bytearray, sector_bytes: int) -> str | None:
    return shared_filesystem(
        bytes(disk[:MIB]),
        sector_bytes,
        len(disk),
        lambda start, size: bytes(disk[start : start + size]),
    )


@given(
    kind=st.sampled_from(sorted(TYPES)),
    sector_bytes=st.sampled_from([512, 4096]),
    keeps_backup=st.booleans(),
    damage=st.lists(st.tuples(st.integers(0, MIB - 1), st.integers(1, 4096)), max_size=6),
    noise=st.integers(0, 255),
)
def test_while_one_copy_of_the_entries_is_whole_no_damage_hides_it(
    kind: str, sector_bytes: int, keeps_backup: bool, damage: list[tuple[int, int]], noise: int
) -> None:
    disk = disk_with(kind, sector_bytes)
    entries = range(2 * sector_bytes, 2 * sector_bytes + 128 * 128)
    copy = bytes(disk[entries.start : entries.stop])
    base = 0 if keeps_backup else DISK_BYTES - MIB
    for at, size in damage:
        spoiled = disk[base + at : base + at + size]
        disk[base + at : base + at + size] = bytes([noise]) * len(spoiled)
    if keeps_backup and mbr.is_valid(disk) and not gpt.has_signature(disk, sector_bytes):
        disk[510] = 0  # else the damage may look like a table of the other kind, which counts
    if not keeps_backup:
        disk[sector_bytes + 16] ^= 0xFF  # the header's checksum
        assert bytes(disk[entries.start : entries.stop]) == copy
    found = found_on(disk, sector_bytes)
    assert found is not None
    assert kind in found


def test_a_disk_without_any_table_has_none() -> None:
    assert found_on(bytearray(DISK_BYTES), 512) is None
    assert found_on(bytearray(b"\xa5" * DISK_BYTES), 512) is None


def test_a_table_of_the_other_kind_counts_for_more_than_an_old_backup() -> None:
    disk = disk_with("VMFS", 512)
    disk[:MIB] = bytes(MIB)
    mbr.initialise(disk, 1)
    mbr.add_partition(disk, mbr.MbrPartition(number=1, type_id=0x83, first_lba=2048, sectors=2048))
    assert found_on(disk, 512) is None


@pytest.mark.parametrize("sector_bytes", [512, 4096])
def test_a_whole_table_alone_is_believed(sector_bytes: int) -> None:
    disk = disk_with("VMFS", sector_bytes)
    table = PartitionTable(bytearray(disk[:MIB]), sector_bytes)
    assert table.gpt is not None
    assert "VMFS in partition 2" in str(found_on(disk, sector_bytes))
    empty = image_head(sector_bytes, DISK_BYTES // sector_bytes, [])
    disk[:MIB] = empty
    assert found_on(disk, sector_bytes) is None
