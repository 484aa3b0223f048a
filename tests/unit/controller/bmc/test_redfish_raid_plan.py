"""Which orders a BMC gets for the logical disks of a node, and what is refused before the first of them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol.refusal import Refusal
from controller.bmc.redfish_raid_plan import (
    Wishes,
    configuration,
    differences,
    plan_creation,
    plan_deletion,
)
from controller.bmc.redfish_storage import RAID_TYPES, Store
from tests.unit.controller.bmc.redfish_stores import (
    FOUR,
    GB,
    NOTHING,
    disk,
    drive,
    names,
    plan,
    store,
    volume,
)


def test_an_order_has_redfishs_words() -> None:
    (order,) = plan(disk("1", 50, volume_name="root", is_root_volume=True))
    paths = FOUR.paths
    assert order.body == {
        "RAIDType": "RAID1",
        "CapacityBytes": 50 * GB,
        "Name": "root",
        "Links": {"Drives": [{"@odata.id": paths["D0"]}, {"@odata.id": paths["D1"]}]},
        "@Redfish.OperationApplyTime": "Immediate",
    }
    assert (order.is_root, order.collection) == (True, FOUR.collection)
    assert order.title == "RAID.1: RAID 1, 50 GiB, on D0, D1"


@pytest.mark.parametrize(
    ("level", "word", "count"),
    [
        ("0", "RAID0", 1),
        ("1", "RAID1", 2),
        ("5", "RAID5", 3),
        ("6", "RAID6", 4),
        ("1+0", "RAID10", 4),
        ("5+0", "RAID50", 6),
        ("6+0", "RAID60", 8),
    ],
)
def test_every_level_takes_as_few_drives_as_it_needs(level: str, word: str, count: int) -> None:
    many = store(*(drive(number) for number in range(10)))
    (order,) = plan(disk(level), stores=(many,))
    assert (order.body or {})["RAIDType"] == word
    assert "CapacityBytes" not in (order.body or {})
    assert len(order.drives) == count
    with pytest.raises(Refusal, match=rf"RAID {level.replace('+', '.')} needs {count} free drives"):
        plan(disk(level), stores=(store(*(drive(number) for number in range(count - 1))),))


def test_a_bmc_that_does_not_say_its_levels_is_told_both_words_or_the_old_one_alone() -> None:
    old = replace(FOUR, levels=None)
    (order,) = plan(disk("1"), stores=(old,))
    assert {"RAIDType": "RAID1", "VolumeType": "Mirrored"}.items() <= (order.body or {}).items()
    one = volume(old, "7", "D3", said="NonRedundant", level="0")
    (order,) = plan(disk("1"), stores=(replace(old, volumes=(one,)),))
    assert "RAIDType" not in (order.body or {})
    (order,) = plan(
        disk("6"),
        stores=(
            replace(
                old,
                volumes=(one,),
                drives=(*old.drives, drive(4)),
                paths={**old.paths, "D4": "/d4"},
            ),
        ),
    )
    assert (order.body or {})["RAIDType"] == "RAID6"


def test_a_controller_is_chosen_that_has_room_for_all_and_else_each_goes_where_it_fits() -> None:
    small = store(*(drive(number) for number in range(2)), name="A")
    large = store(*(drive(number) for number in range(10, 14)), name="B")
    orders = plan(disk("1", 10), disk("1", 10), stores=(small, large))
    assert [order.title[0] for order in orders] == ["B", "B"]
    orders = plan(*(disk("1", 10) for _ in range(3)), stores=(small, large))
    assert sorted(order.title[0] for order in orders) == ["A", "B", "B"]
    (order,) = plan(disk("1", 10, controller="A"), stores=(large, small))
    assert order.title[0] == "A"


@pytest.mark.parametrize(
    ("disks", "stores", "words"),
    [
        ((disk("1", controller="C9"),), (FOUR,), r"'C9' is not there; the BMC tells of RAID.1"),
        ((disk("JBOD"),), (FOUR,), "a BMC does not make 'JBOD'"),
        ((disk("1", 200),), (FOUR,), "RAID 1 needs 2 free drives .*large enough"),
        ((disk("1", controller="RAID.1", physical_disks=["D0", "D7"]),), (FOUR,), "'D7' is not there"),
        ((disk("1", controller="RAID.1", physical_disks=["D0"]),), (FOUR,), "RAID 1 takes exactly 2, not 1"),
        ((disk("5", number_of_physical_disks=2),), (FOUR,), "RAID 5 takes 3 or more, not 2"),
        ((disk("1", 0),), (FOUR,), "size_gb: is 0"),
        ((disk("1", interface_type="scsi"),), (FOUR,), "D0 has the interface sas"),
        ((disk("1"),), (replace(FOUR, levels=()),), r"no controller that makes RAID 1 \(RAID.1 makes no RAID\)"),
        ((disk("6"),), (replace(FOUR, levels=("0", "1")),), r"RAID.1 makes 0, 1"),
        ((disk("1"),), (replace(FOUR, collection=None, levels=None),), "makes no volumes"),
        ((disk("1", controller="RAID.1"),), (replace(FOUR, levels=("0",)),), "does not make RAID 1; it makes 0"),
        ((disk("9"),), (FOUR,), r"target_raid_config: logical_disks\[0\].raid_level"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_name(
    disks: tuple[Mapping[str, Any], ...], stores: tuple[Store, ...], words: str
) -> None:
    with pytest.raises(Refusal, match=words):
        plan(*disks, stores=stores)


def test_no_logical_disks_is_no_deletion() -> None:
    nothing: tuple[Any, ...] = ({}, None)
    for config in nothing:
        with pytest.raises(Refusal, match="target_raid_config has no logical disks"):
            plan_creation(Wishes(config=config, where="target_raid_config"), (FOUR,), NOTHING)


def test_drives_of_volumes_are_left_alone_unless_these_are_deleted_first() -> None:
    used = replace(FOUR, volumes=(volume(FOUR, "9", "D0", "D1", "D2"),))
    with pytest.raises(
        Refusal, match=r"D0 is in use by the volume 9 \(RAID1\).*: delete_existing$"
    ):
        plan(disk("1"), stores=(used,))
    delete, make = plan(disk("1"), stores=(used,), deletes=True)
    assert (delete.delete, delete.body) == (f"{FOUR.collection}/9", None)
    assert names(make) == ["D0", "D1"]


def test_a_drive_that_is_shown_as_a_volume_is_neither_in_use_nor_deleted() -> None:
    raw = volume(FOUR, "raw", "D0", said="RawDevice", level=None, is_raid=False)
    strange = volume(FOUR, "odd", "D1", said="", level=None, is_raid=False)
    shown = replace(FOUR, volumes=(raw, strange))
    assert plan_deletion((shown,), NOTHING) == ()
    (order,) = plan(disk("1"), stores=(shown,))
    assert names(order) == ["D0", "D2"]


def test_roots_and_others_are_made_as_asked_for() -> None:
    both = disk("1", 10, is_root_volume=True), disk("0", 10)
    assert [one.is_root for one in plan(*both, makes_others=False)] == [True]
    assert [one.is_root for one in plan(*both, makes_root=False)] == [False]
    assert plan(*both, makes_root=False, makes_others=False) == ()


def test_a_root_is_known_again_by_its_wwn_and_not_by_its_number_alone() -> None:
    def is_root(wwn: str | None, recorded: str | None, gone: tuple[str, ...] = ()) -> bool:
        one = volume(FOUR, "1", "D0", "D1", wwn=wwn)
        hint = {"root_device_hint": {"wwn": recorded}} if recorded else {}
        disks = [{"controller": "RAID.1", "id": "1", "is_root_volume": True, **hint}]
        found = (replace(FOUR, volumes=(one,)),)
        (told,) = configuration(found, (), {"logical_disks": disks}, gone)["logical_disks"]
        return bool(told["is_root_volume"])

    assert is_root("0x6005", "0x6005")
    assert is_root("0x6005", "0X6005")
    assert is_root(None, "0x6005")
    assert is_root("0x6005", None)
    assert not is_root("0x6006", "0x6005")
    assert not is_root(None, None, (f"{FOUR.collection}/1",))


def test_a_volume_is_compared_with_its_order() -> None:
    (order,) = plan(disk("1", 50))
    good = volume(FOUR, "1", "D0", "D1", size_bytes=50 * GB - 4096)
    assert differences(order, good) == ()
    assert differences(order, replace(good, drives=())) == ()
    bad = replace(good, said="RAID0", level="0", size_bytes=20 * GB, drives=(FOUR.paths["D3"],))
    assert differences(order, bad) == (
        "is RAID0, not RAID 1",
        "is on D3",
        "has 20.0 GiB instead of 50.0",
    )


def test_what_stands_is_told_with_ironics_names() -> None:
    one = volume(FOUR, "1", "D0", "D1", wwn="0x6005")
    raw = volume(FOUR, "raw", "D2", said="RawDevice", level=None, is_raid=False)
    full = replace(FOUR, volumes=(one, raw))
    (told,) = configuration((full,), (one.path,), None)["logical_disks"]
    assert told == {
        "id": "1",
        "name": "volume 1",
        "volume_name": "volume 1",
        "controller": "RAID.1",
        "raid_level": "1",
        "size_gb": 100,
        "physical_disks": ["D0", "D1"],
        "is_root_volume": True,
        "root_device_hint": {"wwn": "0x6005"},
    }
    (again,) = configuration((full,), (), {"logical_disks": [told]})["logical_disks"]
    assert again == told


_DISKS = st.lists(
    st.builds(
        disk,
        st.sampled_from(sorted(RAID_TYPES)),
        st.one_of(st.just("MAX"), st.integers(1, 300)),
        share_physical_disks=st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


@given(
    disks=_DISKS,
    sizes=st.lists(st.integers(50, 200), min_size=1, max_size=9),
    used=st.booleans(),
)
def test_whatever_is_wanted_no_drive_in_use_is_given_away_and_none_twice(
    disks: list[dict[str, Any]], sizes: list[int], used: bool
) -> None:
    one = store(*(drive(number, size) for number, size in enumerate(sizes)))
    one = replace(one, volumes=(volume(one, "9", "D0"),) * used)
    try:
        orders = plan(*disks, stores=(one,))
    except Refusal:  # the other tests say of what
        return
    assert len(orders) == len(disks)
    if used:
        assert all("D0" not in names(order) for order in orders)
    owners: dict[str, set[tuple[str, ...]]] = {}
    for order in orders:
        assert len(set(order.drives)) == len(order.drives)
        for path in order.drives:
            owners.setdefault(path, set()).add(order.drives)
    assert all(len(sets) == 1 for sets in owners.values())
    if not any(one["share_physical_disks"] for one in disks):
        assert sum(len(order.drives) for order in orders) == len(owners)
