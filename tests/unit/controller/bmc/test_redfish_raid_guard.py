"""Which drives and volumes ``properties.skip_block_devices`` keeps from being used and deleted."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from agent.protocol.refusal import Refusal
from controller.bmc.redfish_raid_guard import Guard
from controller.bmc.redfish_raid_plan import plan_deletion
from tests.unit.controller.bmc.redfish_stores import (
    FOUR,
    disk,
    drive,
    names,
    plan,
    store,
    volume,
)


def test_what_is_protected_is_neither_deleted_nor_used() -> None:
    first = volume(FOUR, "1", "D0", "D1", name="keep", wwn="0x6005")
    second = volume(FOUR, "2", "D2", "D3", wwn="0x6006")
    full = replace(FOUR, volumes=(first, second))
    for entry in ({"volume_name": "keep"}, {"wwn": "0x6005"}, {"wwn": "0X6005"}):
        guard = Guard({"skip_block_devices": [entry]})
        assert [one.delete for one in plan_deletion((full,), guard)] == [second.path]
    by_serial = Guard({"skip_block_devices": [{"serial": "S0"}]})
    with pytest.raises(Refusal, match=r"serial s0.*does not tell whether the volume 2"):
        plan_deletion((full,), by_serial)
    (order,) = plan(disk("1"), guard=by_serial)
    assert names(order) == ["D1", "D2"]
    with pytest.raises(Refusal, match="is no list"):
        Guard({"skip_block_devices": "sda"})


def test_what_is_shown_of_a_protected_disk_as_a_volume_protects_its_drive() -> None:
    raw = volume(
        FOUR, "raw", "D0", said="RawDevice", level=None, is_raid=False, name="data", wwn="0x6007"
    )
    shown = replace(FOUR, volumes=(raw,))
    for entry in ({"volume_name": "data"}, {"wwn": "0x6007"}, {"wwn": "0x6007", "serial": "S0"}):
        (order,) = plan(disk("1"), stores=(shown,), guard=Guard({"skip_block_devices": [entry]}))
        assert names(order) == ["D1", "D2"], entry
    placeless = replace(FOUR, volumes=(replace(raw, drives=()),))
    for entry in ({"volume_name": "data"}, {"wwn": "0x6007"}):
        with pytest.raises(Refusal, match=r"D0 may be .*; D3 may be "):
            plan(disk("1"), stores=(placeless,), guard=Guard({"skip_block_devices": [entry]}))


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "/dev/sda"},
        {"by_path": "/dev/disk/by-path/x"},
        {"hctl": "0:0:0:0"},
        {"vendor": "acme"},
        {"wwn": "0x5000"},
        {"wwn_with_extension": "0x50001"},
        {"name": "/dev/sda", "size": "<= 100"},
    ],
)
def test_a_drive_that_may_be_protected_for_all_that_the_bmc_tells_is_not_used(
    entry: Mapping[str, Any],
) -> None:
    guard = Guard({"skip_block_devices": [entry]})
    words = rf"D0 may be what properties.skip_block_devices names by {next(iter(entry))}.*D3 may be"
    with pytest.raises(Refusal, match=words):
        plan(disk("1"), guard=guard)
    named = disk("1", controller="RAID.1", physical_disks=["D1", "D2"])
    with pytest.raises(Refusal, match=r"'D1' may be what"):
        plan(named, guard=guard)


def test_a_drive_that_cannot_be_the_protected_one_is_used() -> None:
    """It says something else, the one that is meant is found, or a system does not see it but its volume."""
    for entry in ({"name": "/dev/sda", "serial": "S9"}, {"name": "/dev/sda", "size": ">= 500"}):
        assert len(plan(disk("1"), guard=Guard({"skip_block_devices": [entry]}))) == 1
    kept = volume(FOUR, "1", "D0", "D1", wwn="0x6005")
    by_wwn = Guard({"skip_block_devices": [{"wwn": "0x6005"}]})
    (order,) = plan(disk("1"), stores=(replace(FOUR, volumes=(kept,)),), guard=by_wwn, deletes=True)
    assert names(order) == ["D2", "D3"]
    other = volume(FOUR, "2", "D2", "D3", wwn="0x6006")
    full = replace(FOUR, volumes=(kept, other))
    delete, make = plan(disk("1"), stores=(full,), guard=by_wwn, deletes=True)
    assert (delete.delete, names(make)) == (other.path, ["D2", "D3"])
    elsewhere = Guard({"skip_block_devices": [{"wwn": "0x6009"}]})
    assert len(plan(disk("1"), stores=(full,), guard=elsewhere, deletes=True)) == 3


def test_a_drive_of_nvme_is_known_by_any_of_its_names() -> None:
    nvme: dict[str, Any] = {"interface": "nvme"}
    two = store(
        drive(0, wwn="eui.0025385b11000001", **nvme), drive(1, wwn="eui.0025385b11000002", **nvme)
    )
    mine = Guard({"skip_block_devices": [{"wwn": "eui.0025385B11000001"}]})
    (order,) = plan(disk("0"), stores=(two,), guard=mine)
    assert names(order) == ["D1"]
    for wwn, is_used in (("eui.36344730528000010025385800000001", False), ("0x5000", True)):
        guard = Guard({"skip_block_devices": [{"wwn": wwn}]})
        if is_used:
            assert len(plan(disk("0"), stores=(two,), guard=guard)) == 1
            continue
        with pytest.raises(Refusal, match=r"D0 may be what .*D1 may be what"):
            plan(disk("0"), stores=(two,), guard=guard)


def test_a_volume_is_protected_by_each_of_its_names() -> None:
    two_names = volume(FOUR, "1", "D0", "D1", name="Virtual Disk 0", second_name="keep")
    shown = replace(FOUR, volumes=(two_names,))
    for name in two_names.names:
        guard = Guard({"skip_block_devices": [{"volume_name": name}]})
        assert plan_deletion((shown,), guard) == ()


@pytest.mark.parametrize("wanted", ["true", "false"])
def test_a_drive_of_which_it_is_not_told_whether_it_rotates_may_be_what_is_protected(
    wanted: str,
) -> None:
    guard = Guard({"skip_block_devices": [{"rotational": wanted}]})
    untold = replace(FOUR, rotates={})
    with pytest.raises(Refusal, match=r"D0 may be what .* names by rotational"):
        plan(disk("1"), stores=(untold,), guard=guard)
    told = replace(FOUR, rotates={path: n > 1 for n, path in enumerate(FOUR.rotates)})
    (order,) = plan(disk("1"), stores=(told,), guard=guard)
    assert names(order) == (["D0", "D1"] if wanted == "true" else ["D2", "D3"])
