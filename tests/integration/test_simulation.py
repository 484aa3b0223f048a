"""Simulated machines against real controllers: what is counted holds on any machine, however busy."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.lab.ports import free_port
from tests.simulate.campaign import simulate
from tests.simulate.options import Options, read_options

pytestmark = pytest.mark.timeout(1500)


def run(folder: Path, **changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "heartbeat_s": 60.0,
        "quiet_s": 1.0,
        "speed": 30.0,
        "longest_s": 1200.0,
        "hanging_boots": 0.0,  # one would be told from a busy machine by time alone
        "failing_steps": 0.05,
        "agent_port": free_port(),
    }
    return asyncio.run(simulate(folder, Options(**{**plain, **changes}), print))


def assert_all_ended(figures: dict[str, Any], wave: int) -> None:
    """Each machine is deployed, or failed because something was wrong with it."""
    states, counts = figures["wave"]["states"], figures["counts"]
    assert figures["wave"]["ended"] == wave
    assert set(states) <= {"active", "clean failed", "deploy failed"}
    failed = wave - states.get("active", 0)
    assert failed == counts.get("steps that fail", 0)
    assert not [name for name in counts if name.startswith("heartbeats: 4")], counts


def test_machines_beat_and_some_of_them_are_deployed(tmp_path: Path) -> None:
    figures = run(tmp_path, nodes=60, wave=8)
    assert_all_ended(figures, 8)
    assert figures["heartbeats"]["count"] >= 55


@pytest.mark.long
@pytest.mark.postgres
def test_three_controllers_share_them_and_one_is_killed(tmp_path: Path) -> None:
    figures = run(tmp_path, nodes=40, wave=12, controllers=3, postgres=True, kill=True)
    assert figures["wave"]["killed"] == ["controller-2"]
    assert_all_ended(figures, 12)


def test_options_come_from_the_environment() -> None:
    options = read_options({"SIMULATE_NODES": "50", "SIMULATE_KILL": "1", "SIMULATE_SPEED": "2.5"})
    assert (options.nodes, options.wave, options.kill, options.speed) == (50, 50, True, 2.5)
    with pytest.raises(ValueError, match="many"):
        read_options({"SIMULATE_NODES": "many"})
