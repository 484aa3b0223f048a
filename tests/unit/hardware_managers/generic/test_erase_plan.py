from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from agent.hardware.devices import BlockDevice
from agent.hardware.erasing import EraseLevel, EraseOffer, ErasePlan, EraseWish
from hardware_managers.generic.erase_plan import plan_jobs, sort_out
from hardware_managers.generic.overwrite import Overwriter
from tests.unit.fakes import disk

NODE = {"properties": {"skip_block_devices": [{"name": "/dev/sdb"}]}}
SDA, SDB, SDC = (disk(f"/dev/sd{letter}") for letter in "abc")
FIRST, SECOND = disk("/dev/nvme0n1"), disk("/dev/nvme0n2")
ERASER = Overwriter()


def offer(one: BlockDevice, *also: BlockDevice, strength: int = 50) -> EraseOffer:
    plan = ErasePlan(
        disk=one,
        method=f"method {strength}",
        command="",
        levels=frozenset({EraseLevel.CLEAR}),
        strength=strength,
        also=tuple(other.path for other in also),
    )
    return EraseOffer("m", ERASER, plan)


def test_named_virtual_and_read_only_disks_are_not_erased() -> None:
    stick = replace(disk("/dev/sdd", 1 << 30), transport="usb", vendor="Dell", model="Virtual HD")
    locked = replace(SDC, is_read_only=True)
    told_by = replace(disk("/dev/sde", 1 << 20), transport="usb", label="ir-vfd-dev")
    disks = (SDA, SDB, locked, stick, told_by)
    found = sort_out(NODE, disks, EraseWish())
    assert found.wanted == (SDA,)
    assert found.left_alone == {
        Path("/dev/sdb"): "named in properties.skip_block_devices",
        Path("/dev/sdd"): "virtual media of the BMC",
        Path("/dev/sde"): "virtual media of the BMC",
    }
    assert "take the write protection off" in found.refused[Path("/dev/sdc")]
    skipping = sort_out(NODE, disks, EraseWish(skip_read_only=True))
    assert not skipping.refused
    assert "agent_erase_skip_read_only" in skipping.left_alone[Path("/dev/sdc")]


def test_an_array_is_ended_and_its_members_erased_but_a_named_ones_members_are_left() -> None:
    array = replace(disk("/dev/md0"), below=(SDA.path, SDC.path))
    found = sort_out({}, (SDA, SDC, array), EraseWish())
    assert found.wanted == (SDA, SDC)
    assert set(found.ended) == {array.path}
    named = {"properties": {"skip_block_devices": [{"name": "/dev/md0"}]}}
    assert sort_out(named, (SDA, SDC, array), EraseWish()).wanted == ()


def test_an_array_of_raid_config_is_erased_in_the_place_of_its_members_which_stay() -> None:
    array = replace(disk("/dev/md0"), below=(Path("/dev/sdx"), SDC.path))
    lun = replace(SDA, paths=(Path("/dev/sdx"),))
    foreign = replace(disk("/dev/md1"), below=(Path("/dev/sdx"), SDC.path))
    found = sort_out({}, (lun, SDB, SDC, array, foreign), EraseWish(), (array,))
    assert found.wanted == (SDB, array, foreign)
    assert found.left_alone == dict.fromkeys(
        (lun.path, SDC.path), "a member of /dev/md0, an array of raid_config"
    )
    assert not found.ended
    assert (
        found.kept_nodes == ()
    )  # a volume on the array is ended, though it stands on the members too
    named = {"properties": {"skip_block_devices": [{"name": "/dev/sdc"}]}}
    found = sort_out(named, (lun, SDB, SDC, array), EraseWish(), (array,))
    assert found.wanted == (SDB,)
    assert "skip_block_devices" in found.left_alone[array.path]


@given(st.data())
def test_whatever_stands_where_no_member_of_an_array_that_stays_is_erased(
    data: st.DataObject,
) -> None:
    disks = [disk(f"/dev/sd{letter}") for letter in "abcd"]
    members = st.lists(st.sampled_from(disks), min_size=1, max_size=4, unique_by=lambda x: x.path)
    made = [
        replace(disk(f"/dev/md{number}"), below=tuple(one.path for one in below))
        for number, below in enumerate(data.draw(st.lists(members, max_size=3)))
    ]
    stays = [array for array in made if data.draw(st.booleans())]
    skipped = [{"name": str(one.path)} for one in disks if data.draw(st.booleans())]
    node = {"properties": {"skip_block_devices": skipped}}
    found = sort_out(node, [*disks, *made], EraseWish(), stays)
    wanted = {one.path for one in found.wanted}
    assert wanted.isdisjoint(path for array in stays for path in array.below)
    for array in stays:
        assert array.path in wanted or array.path in found.left_alone
    assert {
        one.path for one in (*disks, *made)
    } == wanted | found.left_alone.keys() | found.ended.keys()


def test_an_array_on_the_second_path_of_a_lun_is_ended_or_left_with_it() -> None:
    lun = replace(SDA, paths=(Path("/dev/sdx"),))
    array = replace(disk("/dev/md0"), below=(Path("/dev/sdx"), SDC.path))
    found = sort_out({}, (lun, SDC, array), EraseWish())
    assert found.wanted == (lun, SDC)
    assert set(found.ended) == {array.path}
    kept = {"properties": {"skip_block_devices": [{"name": "/dev/sda"}]}}
    assert sort_out(kept, (lun, SDC, array), EraseWish()).wanted == ()


def test_one_command_for_all_namespaces_is_given_once() -> None:
    offers = {
        FIRST.path: [offer(FIRST, SECOND, strength=100), offer(FIRST)],
        SECOND.path: [offer(SECOND, FIRST, strength=100), offer(SECOND)],
    }
    (job,), impossible = plan_jobs((FIRST, SECOND), offers, EraseWish())
    assert job.disks == (FIRST, SECOND)
    assert job.offer.plan.strength == 100
    assert not impossible
    assert [one.plan.strength for one in job.others[SECOND.path]] == [50]


def test_a_command_that_reaches_a_disk_that_is_kept_is_not_given() -> None:
    offers = {FIRST.path: [offer(FIRST, SECOND, strength=100), offer(FIRST)]}
    (job,), _ = plan_jobs((FIRST,), offers, EraseWish())
    assert job.offer.plan.strength == 50
    jobs, impossible = plan_jobs((FIRST,), {FIRST.path: offers[FIRST.path][:1]}, EraseWish())
    assert jobs == ()
    assert "it erases /dev/nvme0n2 too" in impossible[FIRST.path]


def test_overwriting_is_a_way_only_where_it_is_allowed_and_only_to_clear() -> None:
    for wish, possible in (
        (EraseWish(), False),
        (EraseWish(allow_overwrite=True), True),
        (EraseWish(allow_overwrite=True, level=EraseLevel.PURGE), False),
        (EraseWish(allow_overwrite=True, overwrite_passes=0, zeroize=False), False),
    ):
        found = [EraseOffer("m", ERASER, plan) for plan in ERASER.plans(SDA, wish)]
        jobs, impossible = plan_jobs((SDA,), {SDA.path: found}, wish)
        assert bool(jobs) == possible
        assert bool(impossible) != possible


@given(st.data())
def test_every_wanted_disk_is_in_one_job_or_refused_and_no_other_disk_is_touched(
    data: st.DataObject,
) -> None:
    names = data.draw(st.lists(st.sampled_from("abcdef"), unique=True, min_size=1))
    wanted = [disk(f"/dev/sd{name}") for name in names]
    others = [disk(f"/dev/sd{name}") for name in "abcdefgh"]
    offers = {
        one.path: data.draw(
            st.lists(
                st.builds(
                    lambda also, strength, one=one: offer(
                        one, *[x for x in also if x != one], strength=strength
                    ),
                    st.lists(st.sampled_from(others), max_size=3, unique_by=lambda x: x.path),
                    st.integers(0, 100),
                ),
                max_size=3,
            )
        )
        for one in wanted
    }
    jobs, impossible = plan_jobs(wanted, offers, EraseWish(after_failure=data.draw(st.booleans())))
    taken = [one.path for job in jobs for one in job.disks]
    assert sorted([*taken, *impossible]) == sorted(one.path for one in wanted)
    for job in jobs:
        touched = {job.offer.plan.disk.path, *job.offer.plan.also}
        assert touched <= {one.path for one in wanted}
