"""Arrays get their places: whatever is asked for, it fits and nothing overlaps, or it is refused by name."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import InvalidRequest
from agent.hardware.devices import BlockDevice
from agent.protocol.raid.logical_disks import GIB
from hardware_managers.software_raid.layout import (
    DATA_OFFSET_BYTES,
    MIB,
    DiskTable,
    Part,
    PlannedArray,
    plan_layout,
)
from hardware_managers.software_raid.logical_disks import LEVELS, parse_logical_disks
from hardware_managers.software_raid.members import FreeDisk, choose_members

DISK_BYTES = 64 * GIB


def disk(number: int, size_bytes: int = DISK_BYTES, **more: Any) -> BlockDevice:
    facts = {
        "path": Path(f"/dev/sd{chr(ord('a') + number)}"),
        "size_bytes": size_bytes,
        "logical_sector_bytes": 512,
        "physical_sector_bytes": 512,
        "is_rotational": False,
        "serial": f"S{number}",
    }
    return BlockDevice(**{**facts, **more})


def wanted(level: str = "1", size_gb: int | str = 8, **more: Any) -> dict[str, Any]:
    return {"raid_level": level, "size_gb": size_gb, "controller": "software", **more}


def plan(
    documents: Sequence[dict[str, Any]], disks: Sequence[BlockDevice], boot_mode: str = "bios"
) -> tuple[tuple[DiskTable, ...], tuple[PlannedArray, ...]]:
    parsed = parse_logical_disks(documents)
    members = choose_members(parsed, [FreeDisk(disk=one) for one in disks])
    return plan_layout(parsed, members, boot_mode=boot_mode)


@pytest.mark.parametrize(("boot_mode", "start_mib"), [("bios", 8), ("uefi", 551)])
def test_the_first_array_begins_where_ironic_lets_it_begin(boot_mode: str, start_mib: int) -> None:
    tables, arrays = plan([wanted()], [disk(0), disk(1)], boot_mode)
    assert [table.parts[1].start_byte for table in tables] == 2 * [start_mib * MIB]
    assert arrays[0].size_bytes == 8 * GIB
    assert arrays[0].members == (Path("/dev/sda2"), Path("/dev/sdb2"))


def test_max_comes_last_and_takes_what_is_left() -> None:
    tables, arrays = plan([wanted("0", "MAX"), wanted("1", 8)], [disk(0), disk(1, 96 * GIB)])
    assert [part.name for part in tables[0].parts] == ["bios_boot", "volume1", "volume0"]
    left = DISK_BYTES - MIB - 8 * MIB - 8 * GIB - DATA_OFFSET_BYTES
    assert {table.parts[2].size_bytes for table in tables} == {left // MIB * MIB}
    assert arrays[0].members == (Path("/dev/sda3"), Path("/dev/sdb3"))
    assert [array.device for array in arrays] == [Path("/dev/md0"), Path("/dev/md1")]


def test_more_arrays_than_ironic_allows_share_the_disks() -> None:
    documents = [wanted("1"), wanted("1+0"), wanted("5"), wanted("6", "MAX")]
    tables, arrays = plan(documents, [disk(number) for number in range(4)])
    assert [len(table.parts) for table in tables] == 4 * [5]
    assert [array.level.md_name for array in arrays] == ["raid1", "raid10", "raid5", "raid6"]


def test_a_partition_table_is_told_in_sectors_of_the_disk() -> None:
    disks = [disk(0, logical_sector_bytes=4096), disk(1)]
    tables, _ = plan([wanted(size_gb=1)], disks)
    assert "start=2048, size=266240" in tables[0].script()
    assert "start=16384, size=2129920" in tables[1].script()


def test_mdadm_gets_the_offset_that_the_sizes_were_reckoned_with() -> None:
    _, arrays = plan([wanted(volume_name="root", is_root_volume=True)], [disk(0), disk(1)])
    assert arrays[0].command() == (
        *("mdadm", "--create", "/dev/md0", "--run", "--force", "--metadata=1.2", "--homehost=any"),
        *("--name=root", "--level=raid1", "--raid-devices=2", "--data-offset=16384K"),
        *("--bitmap=internal", "/dev/sda2", "/dev/sdb2"),
    )


def test_names_and_devices_that_are_taken_are_not_taken_again() -> None:
    parsed = parse_logical_disks([wanted(), wanted(volume_name="data")])
    members = choose_members(parsed, [FreeDisk(disk=disk(0)), FreeDisk(disk=disk(1))])
    _, arrays = plan_layout(parsed, members, boot_mode="bios", taken=("md0", "volume0", "md2"))
    assert [(str(a.device), a.name) for a in arrays] == [
        ("/dev/md1", "volume1"),
        ("/dev/md3", "data"),
    ]
    with pytest.raises(InvalidRequest, match=r"\[1\]\.volume_name: an array 'data' exists"):
        plan_layout(parsed, members, boot_mode="bios", taken=("data",))


@pytest.mark.parametrize(
    ("documents", "said"),
    [
        (
            [wanted("2")],
            r"logical_disks\[0\]\.raid_level: software RAID does not make '2'; it has 0, 1, 1\+0, 5, 6",
        ),
        ([wanted(size_gb=0)], r"size_gb: is 0; give GiB above 0"),
        ([wanted(controller="raid0")], "controller: 'raid0'; software RAID wants 'software'"),
        ([wanted(volume_name="esp")], "volume_name: 'esp'; is kept for EFI system partitions"),
        ([wanted(volume_name="../x")], "volume_name"),
        ([wanted("5", is_root_volume=True)], "is_root_volume: a machine does not boot from RAID 5"),
        ([wanted(volume_name="a"), wanted(volume_name="a")], r"\[1\]\.volume_name: 'a' is"),
        ([wanted("5", number_of_physical_disks=2)], "number_of_physical_disks: RAID 5 needs 3"),
        ([wanted(physical_disks=["a", "b"])], "physical_disks: .*a list of objects"),
        ([wanted(physical_disks=[{"size": "x"}, {"size": 1}])], "physical_disks: hint 'size'"),
        (
            [wanted(physical_disks=2 * [{"name": "/dev/sda"}])],
            r"physical_disks\[1\]: no free disk matches name /dev/sda \(.*/dev/sdb fits",
        ),
        ([wanted(interface_type="sas")], "RAID 1 needs 2 disks here, 0 fit .*interface unknown"),
        ([wanted(disk_type="hdd")], "is a solid-state disk"),
        ([wanted(size_gb=64)], r"size_gb: .* are missing on /dev/sda"),
        ([wanted(size_gb=40), wanted(size_gb=40)], r"\[1\]\.size_gb: .* missing on /dev/sda"),
        (2 * [wanted(size_gb="MAX")], r"\[1\]\.size_gb: logical_disks\[0\] takes all of /dev/sda"),
        (
            [wanted(share_physical_disks=False), wanted()],
            r"\[1\].raid_level: RAID 1 needs 2 .* belongs to logical_disks\[0\] alone",
        ),
        (101 * [wanted()], "at most 100"),
    ],
)
def test_what_cannot_be_is_refused_by_name(documents: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        plan(documents, [disk(0), disk(1)])


def test_hints_choose_the_members_and_a_number_prefers_unused_disks() -> None:
    documents = [
        wanted(physical_disks=[{"serial": "S2"}, {"size": ">= 60"}]),
        wanted(number_of_physical_disks=2),
    ]
    _, arrays = plan(documents, [disk(number) for number in range(4)])
    assert [one.serial for one in arrays[0].disks] == ["S2", "S0"]
    assert [one.serial for one in arrays[1].disks] == ["S1", "S3"]


def test_a_disk_with_an_obstacle_is_no_member() -> None:
    parsed = parse_logical_disks([wanted()])
    disks = [FreeDisk(disk=disk(0)), FreeDisk(disk=disk(1), obstacle="is read-only")]
    with pytest.raises(InvalidRequest, match="/dev/sda fits; /dev/sdb is read-only"):
        choose_members(parsed, disks)


SIZES = st.one_of(st.integers(1, 40), st.just("MAX"))
DOCUMENTS = st.lists(
    st.fixed_dictionaries(
        {
            "raid_level": st.sampled_from(sorted(LEVELS)),
            "size_gb": SIZES,
            "controller": st.just("software"),
        },
        optional={
            "number_of_physical_disks": st.integers(2, 6),
            "share_physical_disks": st.booleans(),
        },
    ),
    min_size=1,
    max_size=4,
)
DISKS = st.lists(st.integers(GIB, 400 * GIB), min_size=4, max_size=6)


@given(documents=DOCUMENTS, sizes=DISKS, boot_mode=st.sampled_from(["bios", "uefi"]))
def test_whatever_is_planned_fits(
    documents: list[dict[str, Any]], sizes: list[int], boot_mode: str
) -> None:
    disks = [disk(number, size) for number, size in enumerate(sizes)]
    disks[0] = replace(disks[0], logical_sector_bytes=4096)
    try:
        tables, arrays = plan(documents, disks, boot_mode)
    except InvalidRequest:
        return  # refused by name: see above
    parts: dict[Path, Part] = {}
    for table in tables:
        edges = [0, *(edge for part in table.parts for edge in (part.start_byte, part.end_byte))]
        assert edges == sorted(edges)
        assert all(edge % MIB == 0 for edge in edges)
        assert edges[1] == MIB
        assert edges[-1] <= table.disk.size_bytes - MIB
        assert [part.number for part in table.parts] == list(range(1, len(table.parts) + 1))
        parts |= {(Path(f"{table.disk.path}{p.number}")): p for p in table.parts}
    members = [member for array in arrays for member in array.members]
    assert len(members) == len(set(members)) == len(parts) - len(tables)
    for document, array in zip(documents, arrays, strict=True):
        level = LEVELS[document["raid_level"]]
        assert len(array.members) >= level.fewest
        assert len({parts[member].size_bytes for member in array.members}) == 1
        assert len({one.path for one in array.disks}) == len(array.members)
        if document["size_gb"] != "MAX":
            assert array.size_bytes >= document["size_gb"] * GIB
            continue
        ends = {table.disk.path: table.parts[-1].end_byte for table in tables}
        left = [one.size_bytes - MIB - ends[one.path] for one in array.disks]
        assert min(left) < MIB  # at least one of its disks is full
