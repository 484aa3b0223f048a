"""How the RAID steps go on with a BMC that answers late, twice, otherwise or not at all; the laboratory's BMC is asked in the integration tests."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from controller.bmc.redfish_raid_plan import Action
from controller.bmc.redfish_storage import Volume
from controller.bmc.redfish_task import Progress, TaskLook
from controller.errors import BmcError, BmcUnreachable
from controller.hardware.bmc import BmcStepLook
from tests.unit.controller.bmc.raid_course import (
    LOOK_S,
    PATH,
    RAW,
    SETTLES_S,
    STANDS,
    STARTS_S,
    Bmc,
    Course,
    volume,
)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[Course], Course]:
    def run_by(course: Course) -> Course:
        monkeypatch.setattr("controller.bmc.redfish_raid_steps.step_now", lambda: course.now)
        return course

    return run_by


Clock = Callable[[Course], Course]


def made(look: BmcStepLook) -> list[str]:
    return [one["id"] for one in (look.result or {})["logical_disks"]]


def silent(bmc: Bmc, action: Action) -> str | None:
    """Carry it out, and answer to nobody."""
    bmc.do(action)
    raise BmcUnreachable("did not answer in time")


def deaf(bmc: Bmc, action: Action) -> str | None:
    raise BmcUnreachable("did not answer in time")


@pytest.mark.parametrize(
    ("name", "standing", "order"),
    [("create_configuration", [], "make"), ("delete_configuration", [STANDS], STANDS.path)],
)
def test_an_order_without_an_answer_is_not_given_again_before_it_had_time_to_show(
    clock: Clock, name: str, standing: list[Volume], order: str
) -> None:
    bmc = Bmc(standing=[*standing], answer=silent)
    shown_at: list[float] = []

    def late(now: list[Volume]) -> Sequence[Volume]:
        if bmc.orders and not shown_at:
            shown_at.append(course.now + 100)
        return tuple(now) if not shown_at or course.now >= shown_at[0] else tuple(standing)

    bmc.listed = late
    course = clock(Course(bmc, name))
    look = course.run()
    assert bmc.orders == [order]
    assert len(made(look)) == len(bmc.standing)


@pytest.mark.parametrize(
    ("name", "standing"), [("create_configuration", []), ("delete_configuration", [STANDS])]
)
def test_an_order_that_was_not_heard_is_given_again_later(
    clock: Clock, name: str, standing: list[Volume]
) -> None:
    ordered_at: list[float] = []

    def deaf_once(bmc: Bmc, action: Action) -> str | None:
        ordered_at.append(course.now)
        if len(ordered_at) == 1:
            raise BmcUnreachable("did not answer in time")
        bmc.do(action)
        return None

    course = clock(Course(Bmc(standing=[*standing], answer=deaf_once), name))
    look = course.run()
    assert len(made(look)) == len(course.bmc.standing) == 1 - len(standing)
    assert len(ordered_at) == 2
    assert ordered_at[1] - ordered_at[0] >= SETTLES_S


def test_a_bmc_that_never_answers_to_orders_is_given_up(clock: Clock) -> None:
    bmc = Bmc(answer=deaf)
    with pytest.raises(BmcError, match="was ordered 3 times and the BMC did not answer to it"):
        clock(Course(bmc)).run()
    assert bmc.orders == ["make"] * 3


def test_the_time_of_a_silence_does_not_count_as_time_to_show(clock: Clock) -> None:
    bmc = Bmc(answer=deaf)
    course = clock(Course(bmc))
    doubts = course.run(until=lambda look: bool(look.state and look.state["settles_since"]))
    bmc.is_silent = True
    for _ in range(int(SETTLES_S / LOOK_S) + 1):
        doubts = course.look(doubts)
    bmc.is_silent = False
    assert "not known whether the BMC took the order" in course.look(doubts).message
    assert bmc.orders == ["make"]


def test_two_volumes_of_one_order_are_told_and_not_taken(clock: Clock) -> None:
    def twice(bmc: Bmc, action: Action) -> str | None:
        bmc.standing += [volume("11", *action.drives), volume("12", *action.drives)]
        return None

    with pytest.raises(BmcError, match=r"2 volumes are there that were not before \(11, 12\)"):
        clock(Course(Bmc(answer=twice))).run()


def test_no_look_of_another_controller_gives_an_order_that_may_have_been_given(
    clock: Clock,
) -> None:
    bmc = Bmc()
    course = clock(Course(bmc))
    course.run()
    for state in course.states[1:]:
        course.step.look(bmc, json.loads(state), 10.0)
    assert bmc.orders == ["make"]


def test_an_order_that_waits_for_a_start_and_was_not_answered_gets_its_start(clock: Clock) -> None:
    staged: list[Action] = []

    def unseen(bmc: Bmc, action: Action) -> str | None:
        staged.append(action)
        raise BmcUnreachable("did not answer in time")

    bmc = Bmc(apply_times=("OnReset",), answer=unseen)
    course = clock(Course(bmc))
    look = course.run(until=lambda look: look.restarts)
    bmc.do(staged[0])
    assert made(course.go_on(course.look(look), lambda one: one.state is None, course.now + 60))
    assert bmc.orders == ["make"]


def test_a_machine_is_not_started_again_while_it_starts(clock: Clock) -> None:
    waits = TaskLook(progress=Progress.WAITS, words="Pending")

    def put_down(bmc: Bmc, _action: Action) -> str | None:
        bmc.jobs["/t/1"] = waits
        return "/t/1"

    bmc = Bmc(apply_times=("OnReset",), answer=put_down)
    course = clock(Course(bmc))
    course.run(until=lambda _look: len(course.starts) == 2)
    assert course.starts[1] - course.starts[0] >= STARTS_S


@pytest.mark.parametrize("recorded_wwn", [None, "0x7"])
def test_a_number_that_is_given_again_is_a_new_volumes_and_no_root(
    clock: Clock, recorded_wwn: str | None
) -> None:
    def lowest(bmc: Bmc, action: Action) -> str | None:
        bmc.do(action)
        bmc.standing = [replace(one, path=STANDS.path) for one in bmc.standing]
        return None

    root: dict[str, Any] = {"controller": "R", "id": "7", "is_root_volume": True}
    if recorded_wwn:
        root["root_device_hint"] = {"wwn": recorded_wwn}
    bmc = Bmc(standing=[STANDS], answer=lowest)
    course = Course(bmc, arguments={"delete_existing": True}, recorded={"logical_disks": [root]})
    (told,) = (clock(course).run().result or {})["logical_disks"]
    assert (told["id"], told["is_root_volume"]) == ("7", False)
    assert bmc.orders == [STANDS.path, "make"]


def test_a_list_that_is_empty_for_a_moment_ends_no_deletion(clock: Clock) -> None:
    bmc = Bmc(standing=[STANDS], listed=lambda _now: (), answer=lambda _bmc, _action: None)
    with pytest.raises(BmcError, match="180 s later the volume is still there"):
        clock(Course(bmc, "delete_configuration")).run()
    assert bmc.orders == [STANDS.path]


@pytest.mark.parametrize("name", ["create_configuration", "delete_configuration"])
def test_what_is_otherwise_at_the_end_is_waited_for_and_then_told(clock: Clock, name: str) -> None:
    deletes = name == "delete_configuration"
    words = f"{PATH}/7 was deleted and is there again" if deletes else f"{PATH}/1 was made and is gone"  # fmt: skip
    for comes_right in (True, False):
        bmc = Bmc(standing=[STANDS] if deletes else [])
        course = clock(Course(bmc, name))
        look = course.run(until=lambda look: bool(look.state and not look.state["todo"]))
        right, bmc.standing = bmc.standing, [STANDS] if deletes else []
        look = course.look(look)
        assert look.state is not None
        if comes_right:
            bmc.standing = right
            assert course.look(look).state is None
            continue
        with pytest.raises(BmcError, match=words):
            course.go_on(look, lambda one: one.state is None, course.now + 3600)


def test_a_silence_at_the_end_is_waited_for(clock: Clock) -> None:
    bmc = Bmc()
    course = clock(Course(bmc))
    look = course.run(until=lambda look: bool(look.state and not look.state["todo"]))
    bmc.is_silent = True
    look = course.look(look)
    assert look.message == "reading back: did not answer in time"
    bmc.is_silent = False
    assert made(course.look(look)) == ["1"]


@pytest.mark.parametrize("name", ["create_configuration", "delete_configuration"])
def test_a_storage_that_is_not_there_for_a_moment_is_waited_for(clock: Clock, name: str) -> None:
    deletes = name == "delete_configuration"
    bmc = Bmc(standing=[STANDS, volume("8", "/d/2", "/d/3")] if deletes else [])
    course = clock(Course(bmc, name))
    look = course.run(until=lambda look: bool(look.state and not look.state["todo"]))
    bmc.has_storage = False
    look = course.look(look)
    assert look.state is not None
    with pytest.raises(BmcError, match="does not tell of all its volumes"):
        course.go_on(look, lambda one: one.state is None, course.now + 3600)
    bmc.has_storage = True
    assert course.look(look).state is None
    with pytest.raises(BmcError, match="does not offer storage by Redfish; set the raid_interface"):
        clock(Course(Bmc(has_storage=False), name)).begin()


@pytest.mark.parametrize("ends", [Progress.DONE, Progress.FAILED, Progress.GONE])
def test_a_strangers_task_is_not_taken_for_the_order(clock: Clock, ends: Progress) -> None:
    """One is there before the order, another comes while it is not known whether the order was taken."""
    bmc = Bmc()
    course = clock(Course(bmc))
    begun = course.begin()
    bmc.jobs["/t/inventory"] = TaskLook(progress=ends)
    look = course.go_on(begun, lambda one: one.state is None, course.now + 3600)
    assert (made(look), bmc.orders) == (["1"], ["make"])

    def busy(bmc: Bmc, action: Action) -> str | None:
        bmc.jobs["/t/update"] = TaskLook(progress=ends)
        bmc.answer = None
        raise BmcUnreachable("did not answer in time")

    bmc = Bmc(answer=busy)
    look = clock(Course(bmc)).run()
    assert (made(look), bmc.orders) == (["2"], ["make", "make"])


def test_tasks_that_come_and_come_are_not_followed_for_ever(clock: Clock) -> None:
    bmc = Bmc(answer=deaf)
    course = clock(Course(bmc))
    look = course.begin()
    while len(bmc.orders) < 3:
        bmc.jobs = {
            f"/t/{at}": TaskLook(progress=Progress.GONE) for at in (course.now, course.now - LOOK_S)
        }
        look = course.look(look)
        assert course.now < 1e9 + 7200


@pytest.mark.parametrize(
    ("first", "ends_well"),
    [
        (RAW, True),
        (volume("1", said="", level=None, is_raid=False), True),
        (volume("1", said="", level=None, is_raid=False), False),
    ],
)
def test_a_volume_that_is_none_yet_is_waited_for(
    clock: Clock, first: Volume, ends_well: bool
) -> None:
    def slowly(bmc: Bmc, action: Action) -> str | None:
        bmc.standing = [first]
        return None

    bmc = Bmc(answer=slowly)
    course = clock(Course(bmc))
    look = course.run(until=lambda look: bool(look.state and look.state["settles_since"]))
    if ends_well:
        bmc.standing = [volume("1"), replace(first, path=f"{PATH}/odd")]
        assert made(course.go_on(look, lambda one: one.state is None, course.now + 60)) == ["1"]
        return
    with pytest.raises(BmcError, match="does not tell of what kind the volume 1 is"):
        course.go_on(look, lambda one: one.state is None, course.now + 3600)
