"""Several controllers on one database: who owns a node, who takes it over, who knows its stage."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.hardware.bmc import PowerState
from controller.store.nodes import get_node
from controller.workflow.graph import STAGES
from controller.workflow.outcome import leave
from controller.workflow.transition import enter_stage
from controller.workflow.verbs import set_power
from tests.integration.databases import new_database, postgres_url
from tests.integration.running_controller import MachineDriver, RunningController
from tests.integration.waiting import wait_until

__all__ = ["postgres_url"]
pytestmark = pytest.mark.postgres
LEASE_S = 2.0


@contextmanager
def group(
    folder: Path, url: str, names: str, **settings: Any
) -> Iterator[dict[str, RunningController]]:
    """Give controllers that share a database and machines."""
    driver = MachineDriver()
    with ExitStack() as stack:
        members = {}
        for name in names:
            (folder / name).mkdir(exist_ok=True)
            member = RunningController(
                folder / name,
                driver=driver,
                database_url=url,
                hostname=name,
                secrets_key_file=str(folder / "secrets.key"),
                **{"claim_lease_s": LEASE_S, **settings},
            )
            member.start()
            stack.callback(stop_once, member)
            members[name] = member
        yield members


def stop_once(member: RunningController) -> None:
    if member.url:
        member.url = ""
        member.stop()


def go_silent(member: RunningController) -> None:
    """End a controller as SIGKILL does: nothing is given back."""
    keeper = member.engine._keeper
    assert keeper
    keeper._stopping.set()
    for lane in member.engine._lanes:
        lane.stop()


@pytest.fixture
def url(postgres_url: str) -> str:
    return new_database(postgres_url)


def owner(member: RunningController, name: str) -> str | None:
    return member.node(name).conductor


def test_nodes_are_shared_out_and_those_of_a_dead_controller_are_taken_over_within_the_lease(
    tmp_path: Path, url: str
) -> None:
    with group(tmp_path, url, "ab") as members:
        a, b = members["a"], members["b"]
        names = [f"m{number}" for number in range(12)]
        for name in names:
            a.enrol(name, "manageable", conductor=None)
        wait_until(lambda: None not in {owner(a, name) for name in names}, 20, "owners")
        before = {name: owner(a, name) for name in names}
        assert set(before.values()) == {"a", "b"}
        go_silent(b)
        for name in names:
            set_power(a.services, name, "power on", None)
        wait_until(
            lambda: {a.node(name).power_state for name in names} == {PowerState.ON}, 20, "power"
        )
        assert {owner(a, name) for name in names} == {"a"}


def test_a_controller_that_stops_gives_back_what_it_is_at_so_that_others_need_not_wait(
    tmp_path: Path, url: str
) -> None:
    release = threading.Event()
    with group(tmp_path, url, "ab", claim_lease_s=20.0) as members:
        a, b = members["a"], members["b"]
        bmc = b.enrol("m1", "manageable", conductor="b")
        bmc.power_state = lambda **_named: release.wait(60) and PowerState.ON  # type: ignore[method-assign,assignment]
        set_power(b.services, "m1", "power on", None)
        wait_until(lambda: b.node("m1").claim_owner == "b", 10, "the claim")
        del bmc.power_state
        b.engine.stop(timeout_s=0.1)
        assert a.node("m1").claim_owner != "b"
        wait_until(lambda: a.node("m1").power_state == PowerState.ON, 20, "power on")
        release.set()
        wait_until(lambda: a.node("m1").work is None, 20, "the end")


def test_what_a_stopping_controller_is_at_goes_on_before_the_next_beat_of_the_others(
    tmp_path: Path, url: str
) -> None:
    patient = {
        "claim_lease_s": 3600.0,
        "bmc_tries": 10_000,
    }  # a beat each six minutes; tries last as long as the test
    with group(tmp_path, url, "ab", **patient) as members:
        a, b = members["a"], members["b"]
        bmc = b.enrol("m1", "manageable", conductor="b")
        b.enrol("idle", "manageable", conductor="b")
        bmc.is_reachable = False
        set_power(b.services, "m1", "power on", None)
        wait_until(lambda: bool(bmc.calls), 10, "a try")
        b.engine.stop(timeout_s=5)
        assert (owner(a, "m1"), owner(a, "idle")) == ("a", "b")
        bmc.is_reachable = True
        wait_until(lambda: a.node("m1").power_state == PowerState.ON, 20, "power on")


def test_a_controller_that_stops_alone_keeps_its_nodes(tmp_path: Path, url: str) -> None:
    with group(tmp_path, url, "a", claim_lease_s=3600.0, bmc_tries=10_000) as members:
        a = members["a"]
        bmc = a.enrol("m1", "manageable", conductor="a")
        bmc.is_reachable = False
        set_power(a.services, "m1", "power on", None)
        wait_until(lambda: bool(bmc.calls), 10, "a try")
        a.engine.stop(timeout_s=5)
        assert owner(a, "m1") == "a"


def test_a_controller_without_the_driver_leaves_a_node_alone_and_says_so_when_nobody_has_it(
    tmp_path: Path, url: str
) -> None:
    with group(tmp_path, url, "a") as members:
        a = members["a"]
        a.enrol("m1", "manageable", conductor="gone")
        with a.store.edit() as session:
            get_node(session, "m1").driver = "other-hardware"
        with group(tmp_path, url, "c") as _more:  # a change: everybody looks at all nodes
            wait_until(lambda: bool(a.events("m1", "error")), 20, "the sentence")
            (event,) = a.events("m1", "error")
            assert "serves driver 'other-hardware'" in event.message
            assert owner(a, "m1") is None
        time.sleep(2 * LEASE_S)  # "c" has gone, everybody has looked again
        assert len(a.events("m1", "error")) == 1
        assert a.node("m1").last_error is None


def assert_owned(member: RunningController, kind: str, by: str) -> None:
    names = [f"{kind}{number}" for number in range(6)]
    wait_until(lambda: {owner(member, name) for name in names} == {by}, 20, "owners")


def test_groups_keep_to_their_nodes(tmp_path: Path, url: str) -> None:
    with (
        group(tmp_path, url, "a") as one,
        group(tmp_path, url, "b", conductor_group="rack1") as other,
    ):
        for number in range(6):
            one["a"].enrol(f"m{number}", conductor=None)
            one["a"].enrol(f"n{number}", conductor=None, conductor_group="rack1")
        assert_owned(other["b"], "m", "a")
        assert_owned(other["b"], "n", "b")


def test_a_stage_of_a_newer_version_is_left_to_a_controller_that_knows_it(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Two versions of the stage table on one database: the older owns the node, the newer does its stage."""
    older = {name: stage for name, stage in STAGES.items() if name != "power.on"}
    ran_in: list[str] = []

    def run(context: Any) -> Any:
        ran_in.append(context.services.hostname)
        return leave(columns={"power_state": "power on"})

    newer = replace(STAGES["power.on"], run=run)
    with group(tmp_path, url, "a") as members:
        a = members["a"]
        a.enrol("m1", "manageable", conductor="a")
        with a.store.edit() as session:
            enter_stage(a.services, get_node(session, "m1"), "power.on")
        with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
            patch.setattr("controller.workflow.advance.STAGES", older)
            patch.setattr("controller.workflow.takeover.STAGES", older)
            a.services.wake()
            wait_until(lambda: a.node("m1").work.conductor is None, 20, "being left")  # type: ignore[union-attr]
            assert "is left to one that knows it" in caplog.text
            time.sleep(LEASE_S)
            assert a.node("m1").last_error is None
        monkeypatch.setitem(STAGES, "power.on", newer)
        with group(tmp_path, url, "b"):
            wait_until(lambda: a.node("m1").work is None, 20, "the end")
        assert len(ran_in) == 1
        assert a.node("m1").power_state == "power on"
