"""Whatever a stage raises or returns concerns its node alone, on both databases; what died is replaced, what hangs is named."""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from controller.errors import BmcError
from controller.hardware.bmc import PowerState
from controller.store.tables import Work
from controller.workflow.graph import STAGES
from controller.workflow.outcome import Note, Outcome, leave
from controller.workflow.stage import Context
from controller.workflow.verbs import set_power
from tests.integration.databases import postgres_url, url
from tests.integration.running_controller import MachineBmc, RunningController
from tests.integration.waiting import wait_until

__all__ = ["postgres_url", "url"]

NUL, SURROGATE = "a\0b", "W\udce9stern"


@pytest.fixture
def controller(url: str, tmp_path: Path) -> Iterator[RunningController]:
    running = RunningController(tmp_path, database_url=url)
    running.start()
    yield running
    running.stop()


def raising(error: BaseException) -> Callable[..., Any]:
    def run(*_arguments: Any, **_named: Any) -> Any:
        raise error

    return run


def returning(value: Any) -> Callable[..., Any]:
    return lambda *_arguments, **_named: value


class _NoText(Exception):
    def __str__(self) -> str:
        return f"{NUL}{SURROGATE}"


FROM_THE_BMC: dict[str, Callable[..., Any]] = {
    "a dictionary": returning({"state": "on"}),
    "none": returning(None),
    "a plug-in's exit": raising(SystemExit(3)),
    "a keyboard's interrupt": raising(KeyboardInterrupt()),
    "a plug-in's error": raising(ZeroDivisionError("1/0")),
    "an error that no database takes": raising(_NoText()),
    "a NUL": raising(BmcError(f"BMC says {NUL}")),
    "a surrogate": raising(BmcError(f"BMC says {SURROGATE}")),
    "a long text": raising(BmcError("x" * 1_000_000)),
}
FROM_A_STAGE: dict[str, Any] = {
    "nothing": None,
    "a way": "done",
    "an unknown way": Outcome(way="sideways"),
    "an unknown column": leave(columns={"colour": "red"}),
    "a column of another type": leave(columns={"last_error": {"a": object()}}),
    "a NUL in a note": leave(notes=(Note(kind="power", message=NUL),)),
    "a surrogate in a note": leave(notes=(Note(kind="power", message=SURROGATE),)),
    "data that is no JSON": leave(data={"x": object()}),
}


def order(controller: RunningController, name: str) -> None:
    set_power(controller.services, name, "power on", None)


def wait_idle(controller: RunningController, name: str) -> None:
    wait_until(lambda: controller.node(name).work is None, 20, f"the end of the work for {name}")


def assert_goes_on(controller: RunningController, bmc: MachineBmc) -> None:
    """Another node's order is done, and the failed node's is, once its machine behaves."""
    controller.enrol("well", "manageable")
    order(controller, "well")
    wait_until(lambda: controller.node("well").power_state == PowerState.ON, 20, "power on")
    for name in [name for name in vars(bmc) if name == "power_state"]:
        delattr(bmc, name)
    order(controller, "m1")
    wait_until(lambda: controller.node("m1").power_state == PowerState.ON, 20, "power on")
    wait_idle(controller, "m1")
    assert controller.node("m1").last_error is None
    assert controller.services.health.reasons(controller.services) == []


@pytest.mark.parametrize("kind", FROM_THE_BMC)
def test_what_a_bmc_driver_does_fails_its_node_with_a_sentence_and_nothing_else(
    controller: RunningController, kind: str
) -> None:
    bmc = controller.enrol("m1", "manageable")
    bmc.power_state = FROM_THE_BMC[kind]  # type: ignore[method-assign]  # a plug-in that does not keep its word
    order(controller, "m1")
    if (
        kind == "none"
    ):  # no state at all: the machine is watched until the deadline, like one that stays off
        controller.engine.stop(timeout_s=5)
        return
    wait_idle(controller, "m1")
    node = controller.node("m1")
    assert str(node.last_error).startswith("power action failed: ")
    assert len(str(node.last_error)) < 5000
    (event,) = controller.events("m1", "error")
    assert event.message == node.last_error
    assert_goes_on(controller, bmc)


@pytest.mark.parametrize("kind", FROM_A_STAGE)
def test_what_a_stage_returns_fails_its_node_with_a_sentence_and_nothing_else(
    controller: RunningController, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bmc = controller.enrol("m1", "manageable")
    faulty = replace(STAGES["power.on"], run=returning(FROM_A_STAGE[kind]))
    with monkeypatch.context() as patch:
        patch.setitem(STAGES, "power.on", faulty)
        order(controller, "m1")
        wait_idle(controller, "m1")
    error = controller.node("m1").last_error
    if error is None:  # the history's door has made it fit
        assert kind.endswith("in a note")
    else:
        assert error.startswith("power action failed: internal error in power.on: ")
    assert_goes_on(controller, bmc)


def test_a_node_whose_state_has_no_way_out_ends_its_work_with_a_sentence(
    controller: RunningController, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller.enrol("m1", "enroll")
    stage = STAGES["verify.credentials"]
    wrong = replace(stage, run=leave_for_nowhere(controller))
    monkeypatch.setitem(STAGES, "verify.credentials", wrong)
    controller.ask("m1", "manage")
    wait_idle(controller, "m1")
    assert "cannot be stored" in str(controller.node("m1").last_error)


def leave_for_nowhere(controller: RunningController) -> Callable[[Context], Outcome]:
    def run(context: Context) -> Outcome:
        with controller.store.edit() as session:  # somebody writes into the database by hand
            session.merge(context.node).provision_state = "active"
        return leave()

    return run


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dispatcher_and_a_keeper_that_die_are_replaced(
    controller: RunningController, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller.enrol("m1", "manageable")
    died = threading.Event()

    def die(*_arguments: Any, **_named: Any) -> Any:
        died.set()
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("controller.workflow.lane.next_due_at", die)
        controller.services.wake()
        assert died.wait(10)
    with caplog.at_level(logging.ERROR):
        order(controller, "m1")
        wait_until(lambda: controller.node("m1").power_state == PowerState.ON, 20, "power on")
        wait_until(lambda: "dispatcher of lane" in caplog.text, 20, "a new dispatcher")
        died.clear()
        with monkeypatch.context() as patch:
            patch.setattr("controller.workflow.keeper.report_alive", die)
            assert died.wait(20)
        wait_until(lambda: has_new_keeper(controller, caplog.text), 10, "a new keeper")


def test_a_run_whose_thread_cannot_be_started_is_tried_again(
    controller: RunningController, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller.enrol("m1", "manageable")
    start = threading.Thread.start
    refused: list[str] = []

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith("workflow-") and len(refused) < 3:
            refused.append(thread.name)
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    order(controller, "m1")
    wait_until(lambda: controller.node("m1").power_state == PowerState.ON, 20, "power on")
    assert len(refused) == 3


def has_new_keeper(controller: RunningController, log_text: str) -> bool:
    controller.engine.look_after()
    return "the keeper of the engine had died" in log_text


def test_a_stage_that_never_comes_back_is_named_and_holds_up_nobody(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.settings._BESIDE_CALLS_S", 0.1)
    running = RunningController(
        tmp_path,
        database_url=url,
        bmc_timeout_s=0.1,
        agent_request_timeout_s=0.1,
        image_check_timeout_s=0.01,
        switch_timeout_s=0.1,
        claim_lease_s=1.0,
        workers=4,
    )
    release = threading.Event()
    running.start()
    try:
        bmcs = [running.enrol(f"hung{number}", "manageable") for number in range(2)]
        for number, bmc in enumerate(bmcs):
            bmc.power_state = lambda **_named: release.wait(60) and PowerState.ON  # type: ignore[method-assign,assignment]
            order(running, f"hung{number}")
        words = "hung0: stage power.on has not come back for"
        wait_until(lambda: words in caplog.text, 20, "its name in the log")
        reasons = "\n".join(running.services.health.reasons(running.services))
        assert words in reasons
        running.enrol("well", "manageable")
        order(running, "well")
        wait_until(lambda: running.node("well").power_state == PowerState.ON, 20, "power on")
        assert caplog.text.count(words) == 1
    finally:
        release.set()
        running.stop()


def test_an_order_does_not_wait_for_looks_that_hang_and_what_they_bring_is_dropped(
    url: str, tmp_path: Path
) -> None:
    running = RunningController(
        tmp_path, database_url=url, power_sync_interval_s=0.2, background_workers=2
    )
    release, looks = threading.Event(), threading.Semaphore(0)
    running.start()

    def hang(**_named: float) -> PowerState:
        if threading.current_thread().name.startswith("background"):
            looks.release()
            assert release.wait(60)
            return PowerState.OFF
        return PowerState.ON

    try:
        for number in range(4):
            bmc = running.enrol(f"m{number}", "active", power_state="power on")
            bmc.power_state = hang  # type: ignore[method-assign]
        for _worker in range(2):  # both hang: no look begins behind an order
            assert looks.acquire(timeout=30)
        for number in range(4):
            order(running, f"m{number}")
        for number in range(4):
            wait_idle(running, f"m{number}")
        with running.store.edit() as session:  # no look begins any more
            session.execute(update(Work).where(Work.claim_id.is_(None)).values(due_at=None))
        release.set()
        wait_until(lambda: not running.engine._running.all(), 20, "the end of the looks")
        powers = {running.node(f"m{number}").power_state for number in range(4)}
        assert powers == {PowerState.ON}
        assert not running.events("m0", "power")
    finally:
        release.set()
        running.stop()
