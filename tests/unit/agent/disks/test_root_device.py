"""The root disk is chosen by hints or is the smallest that is large enough; a refusal names every disk."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.disks.root_device import choose_root_disk, skipped_disks
from agent.errors import InvalidRequest, NoSuitableDisk
from agent.hardware.devices import BlockDevice
from tests.unit.fakes import disk

GIB = 1 << 30
SMALL = disk("/dev/sda", 2 * GIB)
LARGE = disk("/dev/sdb", 100 * GIB)
MIDDLE = disk("/dev/sdc", 20 * GIB)


def node(**places: Any) -> dict[str, Any]:
    return {"uuid": "x", **places}


def test_without_hints_the_smallest_disk_of_at_least_4_gib_is_taken() -> None:
    assert choose_root_disk(node(), (SMALL, LARGE, MIDDLE)).disk == MIDDLE
    assert choose_root_disk(node(), (disk("/dev/a", 4 * GIB), MIDDLE)).disk.path.name == "a"


def test_ties_go_by_name() -> None:
    twins = (disk("/dev/sdz", 20 * GIB), disk("/dev/sdy", 20 * GIB))
    assert choose_root_disk(node(), twins).disk.path.name == "sdy"


def test_removable_and_read_only_disks_are_left_alone() -> None:
    stick = replace(MIDDLE, is_removable=True)
    locked = replace(MIDDLE, is_read_only=True)
    assert choose_root_disk(node(), (stick, locked, LARGE)).disk == LARGE
    hints = {"root_device": {"name": "/dev/sdc"}}
    assert choose_root_disk(node(properties=hints), (stick, LARGE)).disk == stick
    with pytest.raises(NoSuitableDisk, match="/dev/sdc: is read-only"):
        choose_root_disk(node(properties=hints), (locked, LARGE))


def test_the_hints_of_the_instance_win_over_those_of_the_node() -> None:
    both = node(
        properties={"root_device": {"name": "/dev/sdb"}},
        instance_info={"root_device": {"name": "/dev/sdc"}},
    )
    assert choose_root_disk(both, (SMALL, LARGE, MIDDLE)).disk == MIDDLE


def test_hints_may_name_a_small_disk_and_all_of_them_must_hold() -> None:
    assert (
        choose_root_disk(node(properties={"root_device": {"size": 2}}), (SMALL, LARGE)).disk
        == SMALL
    )
    wanted = {"root_device": {"size": "<= 50", "name": "<or> /dev/sdb <or> /dev/sdc"}}
    assert choose_root_disk(node(properties=wanted), (SMALL, LARGE, MIDDLE)).disk == MIDDLE


def test_disks_on_the_skip_list_are_never_taken() -> None:
    skip = {"skip_block_devices": [{"name": "/dev/sdc"}, {"volume_name": "data"}]}
    assert choose_root_disk(node(properties=skip), (LARGE, MIDDLE)).disk == LARGE


def test_a_refusal_says_of_every_disk_why() -> None:
    with pytest.raises(NoSuitableDisk) as caught:
        choose_root_disk(node(properties={"root_device": {"size": ">= 500"}}), (SMALL, LARGE))
    text = str(caught.value)
    assert "size >= 500" in text
    assert "/dev/sda: size is 2.00 GiB" in text
    assert "/dev/sdb: size is 100.00 GiB" in text
    with pytest.raises(NoSuitableDisk, match=f"/dev/sda: has {2 * GIB} bytes"):
        choose_root_disk(node(), (SMALL,))
    with pytest.raises(NoSuitableDisk, match="shows no disk at all"):
        choose_root_disk(node(), ())


def test_hints_that_are_no_object_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="root_device: is no object"):
        choose_root_disk(node(properties={"root_device": "/dev/sda"}), (LARGE,))


def test_the_first_listed_of_several_matching_disks_is_taken() -> None:
    hints = node(properties={"root_device": {"size": ">= 10"}})
    assert choose_root_disk(hints, (SMALL, LARGE, MIDDLE)).disk == LARGE


def test_a_disk_of_unknown_transport_is_protected_from_s_not_equal() -> None:
    skip = node(properties={"skip_block_devices": [{"tran": "s!= nvme"}]})
    fast = replace(LARGE, transport="nvme")
    assert skipped_disks(skip, (SMALL, fast, MIDDLE)) == (SMALL, MIDDLE)


@pytest.mark.parametrize("entries", [{"tran": "nvme"}, ["/dev/sda"], [{}], "x", [None]])
def test_a_skip_list_that_names_nothing_is_refused(entries: object) -> None:
    with pytest.raises(InvalidRequest, match="skip_block_devices"):
        skipped_disks(node(properties={"skip_block_devices": entries}), (LARGE,))


ARRAY = replace(disk("/dev/md0", 20 * GIB), below=(LARGE.path, MIDDLE.path))


def skipped(entries: object, *disks: BlockDevice) -> list[str]:
    found = skipped_disks(node(properties={"skip_block_devices": entries}), disks)
    return [one.path.name for one in found]


def test_with_an_array_its_members_are_left_alone_and_the_other_way_round() -> None:
    assert skipped([{"name": "/dev/md0"}], SMALL, LARGE, MIDDLE, ARRAY) == ["sdb", "sdc", "md0"]
    assert skipped([{"name": "/dev/sdb"}], SMALL, LARGE, MIDDLE, ARRAY) == ["sdb", "sdc", "md0"]
    assert skipped([{"name": "/dev/sda"}], SMALL, LARGE, MIDDLE, ARRAY) == ["sda"]


def test_a_volume_name_protects_members_of_an_array_that_is_not_assembled() -> None:
    member = replace(LARGE, volume_names=("data",))
    other = replace(MIDDLE, volume_names=("root",))
    unnamed = replace(SMALL, has_unnamed_volume=True)
    entries = [{"volume_name": "data"}]
    assert skipped(entries, unnamed, member, other) == ["sda", "sdb"]
    assert skipped([{"name": "/dev/none"}], unnamed, member, other) == []


def test_a_disk_is_known_by_the_names_of_all_its_paths() -> None:
    lun = replace(LARGE, paths=(Path("/dev/sdx"),))
    assert skipped([{"name": "/dev/sdx"}], SMALL, lun) == ["sdb"]


def test_an_array_on_another_path_of_a_disk_is_left_alone_with_it() -> None:
    lun = replace(LARGE, paths=(Path("/dev/sdx"),))
    array = replace(ARRAY, below=(Path("/dev/sdx"), MIDDLE.path))
    for named in (lun.path, array.path, MIDDLE.path):
        assert skipped([{"name": str(named)}], SMALL, lun, MIDDLE, array) == ["sdb", "sdc", "md0"]


def test_the_choice_says_of_every_disk_why() -> None:
    twin = disk("/dev/zz", LARGE.size_bytes)
    stick = replace(disk("/dev/stick"), is_removable=True)
    choice = choose_root_disk(node(), (LARGE, MIDDLE, stick, disk("/dev/tiny", GIB)))
    assert choice.disk == MIDDLE
    assert {path.name: reason for path, reason in choice.reasons.items()} == {
        LARGE.path.name: f"is larger than {MIDDLE.path}",
        MIDDLE.path.name: f"taken: the smallest disk of at least {4 * GIB} bytes; there are no root device hints",
        "stick": "is removable",
        "tiny": f"has {GIB} bytes, less than the {4 * GIB} that are needed",
    }
    hinted = choose_root_disk(node(properties={"root_device": {"size": ">= 1"}}), (LARGE, twin))
    assert hinted.reasons[LARGE.path].startswith("taken: it matches the root device hints (size")
    assert hinted.reasons[twin.path] == f"matches the hints too, but {LARGE.path} is listed first"
