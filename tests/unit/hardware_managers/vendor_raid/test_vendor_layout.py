"""Which drives become members of which logical drive, and what is refused before anything is asked of a controller."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import InvalidRequest
from agent.protocol.raid.levels import LEVELS
from agent.protocol.raid.logical_disks import GIB
from agent.protocol.raid.placing import PhysicalDrive, Planned, plan_drives
from hardware_managers.vendor_raid.drives import RaidController
from hardware_managers.vendor_raid.wanted import parse_wanted
from tests.unit.hardware_managers.vendor_raid.controllers import (
    LabTool,
    controller,
    drive,
    logical_disk,
)

SIX = tuple(drive(number) for number in range(6))


def plan(
    *wanted: Mapping[str, Any], drives: tuple[PhysicalDrive, ...] = SIX
) -> tuple[Planned[RaidController], ...]:
    return plan_drives(parse_wanted(wanted, LabTool()), (controller(*drives),))


def members(planned: Planned[RaidController]) -> list[str]:
    return [drive.ident for drive in planned.drives]


def test_as_few_drives_as_the_level_takes_are_used_and_the_smallest_that_are_large_enough() -> None:
    drives = (drive(0, 2000), drive(1, 500), drive(2, 900), drive(3, 900))
    (planned,) = plan(logical_disk("1", 600), drives=drives)
    assert members(planned) == ["252:2", "252:3"]


def test_max_takes_the_largest_drives_and_is_placed_after_what_has_a_size() -> None:
    drives = (drive(0, 2000), drive(1, 2000), drive(2, 900), drive(3, 900))
    first, second = plan(logical_disk("1"), logical_disk("1", 100), drives=drives)
    assert (members(first), members(second)) == (["252:2", "252:3"], ["252:0", "252:1"])


def test_drives_of_different_kinds_are_not_mixed() -> None:
    drives = (drive(0), drive(1, is_rotational=False), drive(2, interface="sata"))
    with pytest.raises(InvalidRequest, match=r"logical_disks\[0\].raid_level: RAID 1 needs 2 free"):
        plan(logical_disk("1"), drives=drives)


def test_kind_and_interface_are_obeyed_and_the_reasons_are_told() -> None:
    drives = (*SIX[:2], drive(2, is_rotational=False), drive(3, interface="sata"))
    with pytest.raises(InvalidRequest) as refused:
        plan(logical_disk("1", disk_type="ssd", interface_type="sas"), drives=drives)
    assert "252:0 is rotating" in str(refused.value)
    assert "252:2 fits" in str(refused.value)


def test_named_drives_are_taken_in_their_order_and_not_given_to_others() -> None:
    asked = (
        logical_disk("0"),
        logical_disk("1", 10, physical_disks=["252:4", "252:0"]),
    )
    named, rest = plan(*asked)
    assert members(named) == ["252:4", "252:0"]
    assert members(rest) == ["252:1"]


def test_drives_are_found_by_hints() -> None:
    (planned,) = plan(logical_disk("1", physical_disks=[{"serial": "S5"}, {"serial": "S3"}]))
    assert members(planned) == ["252:5", "252:3"]


def test_logical_drives_share_drives_if_both_are_willing() -> None:
    asked = [logical_disk("1", size, share_physical_disks=True) for size in (100, 200, "MAX")]
    planned = plan(*asked, drives=SIX[:2])
    assert [members(one) for one in planned] == [["252:0", "252:1"]] * 3
    assert [one.is_added for one in planned] == [False, True, True]


def test_one_that_does_not_share_gets_drives_of_its_own() -> None:
    first, second = plan(logical_disk("1", 100, share_physical_disks=True), logical_disk("1", 100))
    assert not set(members(first)) & set(members(second))


def test_a_plain_disk_that_is_wanted_as_one_stands_already() -> None:
    drives = (drive(0, is_plain=True, obstacle="is a plain disk"), drive(1))
    has, new = plan(
        logical_disk("JBOD", physical_disks=["252:0"]), logical_disk("JBOD"), drives=drives
    )
    assert (has.has_it, members(has), new.has_it, members(new)) == (
        True,
        ["252:0"],
        False,
        ["252:1"],
    )


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (logical_disk("1", 0), "size_gb: is 0"),
        (logical_disk("2"), "raid_level: lab does not make '2'"),
        (logical_disk("1", volume_name="Not this"), "volume_name: 'Not this'; lab takes"),
        (logical_disk("1+0", number_of_physical_disks=5), "takes 4 or more, an even number, not 5"),
        (logical_disk("1", physical_disks=["252:0"] * 2), "names a drive twice"),
        (logical_disk("1", physical_disks=["252:0", "9:9"]), "'9:9' is not there; there are 252:0"),
        (logical_disk("5", 1801, physical_disks=["252:0", "252:1", "252:2"]), "have room for 1800"),
        (logical_disk("JBOD", 5), "give MAX"),
        (
            logical_disk("5", physical_disks=["252:0"] * 3, number_of_physical_disks=4),
            "names 3; leave one",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(asked: Mapping[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        plan(asked)
    assert str(refused.value).startswith("logical_disks[0].")
    assert words in str(refused.value)


def test_two_logical_drives_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"logical_disks\[1\].volume_name"):
        plan(logical_disk("0", volume_name="a"), logical_disk("0", volume_name="a"))


@given(
    sizes=st.lists(st.integers(100, 4000), max_size=16),
    asked=st.lists(
        st.builds(
            logical_disk,
            st.sampled_from(list(LEVELS)),
            st.sampled_from(["MAX"]) | st.integers(1, 9000),
            share_physical_disks=st.booleans(),
        ),
        max_size=5,
    ),
)
def test_every_plan_fits_its_drives(sizes: list[int], asked: list[Mapping[str, Any]]) -> None:
    drives = tuple(drive(number, size) for number, size in enumerate(sizes))
    try:
        planned = plan(*asked, drives=drives)
    except InvalidRequest:
        return
    assert len(planned) == len(asked)
    used: dict[tuple[str, ...], list[Planned[RaidController]]] = {}
    for one in planned:
        assert one.wanted.level.fits(len(one.drives))
        used.setdefault(tuple(members(one)), []).append(one)
    flat = [ident for group in used for ident in group]
    assert len(flat) == len(set(flat)), "no drive is in two arrays"
    for group in used.values():
        assert len(group) == 1 or all(one.wanted.shares for one in group)
        smallest = min(drive.size_bytes for drive in group[0].drives)
        room = group[0].wanted.level.capacity(len(group[0].drives), smallest)
        assert sum(one.wanted.size_bytes or GIB for one in group) <= room
