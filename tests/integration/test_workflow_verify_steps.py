"""Steps that interfaces bring for the verification of a node: which run, in which order, and what a failure of one means."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from controller.errors import BmcError, BmcUnreachable
from controller.hardware.bmc import BmcStep, BmcStepLook
from tests.integration.running_controller import RunningController, running_controller
from tests.integration.waiting import wait_until


class Log:
    """Steps that write down when they begin, and are looked at ``looks`` times."""

    def __init__(self, *, looks: int = 0, fails_with: BmcError | None = None) -> None:
        self.begun: list[str] = []
        self.looks = looks
        self.fails_with = fails_with
        self.restarts = False

    def offer(self, interface: str, name: str, **priorities: int) -> BmcStep:
        def begin(_bmc: Any, given: Mapping[str, Any], _timeout_s: float) -> BmcStepLook:
            assert not given
            if self.fails_with is not None:
                error, self.fails_with = self.fails_with, None
                raise error
            self.begun.append(name)
            return self._look(self.looks)

        def look(_bmc: Any, state: Mapping[str, Any], _timeout_s: float) -> BmcStepLook:
            return self._look(state["left"] - 1)

        return BmcStep(
            name=name, interface=interface, priorities=priorities, begin=begin, look=look
        )

    def _look(self, left: int) -> BmcStepLook:
        if left > 0:
            return BmcStepLook(state={"left": left}, restarts=self.restarts)
        return BmcStepLook(state=None, message="all is well")


def verified(controller: RunningController, state: str = "manageable") -> list[str]:
    """Verify the node, and return what its history says of steps."""
    controller.ask("m1", "manage")
    if state == "enroll":
        wait_until(lambda: controller.node("m1").last_error is not None, 10, "the failure")
    controller.wait_for("m1", state)
    return [one.message for one in controller.events("m1", "step")]


def test_steps_run_by_priority_and_leave_their_ends_in_the_history(tmp_path: Path) -> None:
    steps = Log(looks=2)
    override = "management.low:5,bios.off:0,raid.asked_for:7"
    with running_controller(tmp_path, verify_step_priority_override=override) as controller:
        controller.enrol("m1", "enroll")
        controller.driver.offered = (
            steps.offer("management", "low", verify=90),
            steps.offer("bios", "second", verify=20),
            steps.offer("power", "first", verify=20),
            steps.offer("bios", "off", verify=30),
            steps.offer("raid", "asked_for", verify=0),
            steps.offer("raid", "on_request", verify=0),
            steps.offer("raid", "another", clean=10),
        )
        told = verified(controller)
        assert controller.node("m1").last_error is None
    assert steps.begun == ["first", "second", "asked_for", "low"]
    assert [one.split(" ended after ")[0] for one in told] == [
        f"verify step {name}" for name in steps.begun
    ]
    assert all(one.endswith(" s: all is well") for one in told)


def test_a_step_that_fails_leaves_the_node_enrolled_and_the_next_do_not_run(tmp_path: Path) -> None:
    steps = Log(fails_with=BmcError("BMC 10.0.0.1: set the clock: it stays at 2001-01-01"))
    with running_controller(tmp_path) as controller:
        controller.enrol("m1", "enroll")
        controller.driver.offered = (
            steps.offer("management", "clock", verify=2),
            steps.offer("management", "next", verify=1),
        )
        assert verified(controller, "enroll") == []
        error = str(controller.node("m1").last_error)
        assert "verification failed: verify step clock: BMC 10.0.0.1: set the clock" in error
        assert steps.begun == []
        verified(controller)
    assert steps.begun == ["clock", "next"]


def test_a_bmc_that_is_silent_for_a_moment_is_asked_again(tmp_path: Path) -> None:
    steps = Log(fails_with=BmcUnreachable("BMC 10.0.0.1: no answer", delay_s=0.05))
    with running_controller(tmp_path) as controller:
        controller.enrol("m1", "enroll")
        controller.driver.offered = (steps.offer("management", "clock", verify=1),)
        verified(controller)
    assert steps.begun == ["clock"]


def test_a_step_that_wants_the_machine_started_is_refused(tmp_path: Path) -> None:
    steps = Log(looks=1)
    steps.restarts = True
    with running_controller(tmp_path) as controller:
        bmc = controller.enrol("m1", "enroll")
        controller.driver.offered = (steps.offer("bios", "apply", verify=1),)
        verified(controller, "enroll")
        error = str(controller.node("m1").last_error)
        assert set(bmc.calls) == {"power_state"}
    assert "verify step apply needs a start of the machine" in error


def test_one_that_never_ends_is_late(tmp_path: Path) -> None:
    with running_controller(tmp_path, verify_step_timeout_s=0.5) as controller:
        controller.enrol("m1", "enroll")
        never = BmcStepLook(state={"phase": "still"})
        controller.driver.offered = (
            BmcStep(
                name="clock",
                interface="management",
                priorities={"verify": 1},
                begin=lambda _bmc, _given, _timeout_s: never,
                look=lambda _bmc, _state, _timeout_s: never,
            ),
        )
        verified(controller, "enroll")
        error = str(controller.node("m1").last_error)
    assert "verify step clock is still running at the BMC" in error
    assert "raise verify_step_timeout_s" in error
