"""What the executor makes of commands: their answers, their order, their progress and their stop."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.errors import (
    AgentBusy,
    CannotStop,
    InvalidRequest,
    NotFound,
)
from agent.protocol.commands import CommandError, CommandStatus, Progress
from tests.unit.agent.commands.executor_bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.release.set()


def test_a_synchronous_command_is_answered_with_its_result(bench: Bench) -> None:
    result = bench.executor.execute("a.text", {})
    assert result.command_status is CommandStatus.SUCCEEDED
    assert (result.command_name, result.command_result) == ("text", {"result": "hello"})
    assert bench.finished == []


def test_a_command_that_fails_still_tells_what_it_has_done(bench: Bench) -> None:
    started = bench.executor.execute("a.half", {})
    ended = bench.executor.result(started.id, wait=True)
    assert ended.command_status is CommandStatus.FAILED
    assert ended.command_result == {"/dev/vda": "ok"}
    assert bench.build().result(started.id).command_result == {"/dev/vda": "ok"}


@pytest.mark.parametrize(("name", "expected"), [("a.nothing", None), ("a.pair", {"pair": [1, 2]})])
def test_results_are_plain_json_values(bench: Bench, name: str, expected: Any) -> None:
    result = bench.executor.execute(name, {}).command_result
    assert msgspec.json.decode(msgspec.json.encode(result)) == expected


def test_an_asynchronous_command_is_answered_at_once_and_shows_its_progress(bench: Bench) -> None:
    started = bench.executor.execute("a.slow", {})
    assert started.command_status is CommandStatus.RUNNING
    bench.started.wait(10)
    running = bench.executor.result(started.id)
    assert running.progress == Progress(phase="write", bytes_done=1, bytes_total=2)
    bench.release.set()
    ended = bench.executor.result(started.id, wait=True)
    assert ended.command_status is CommandStatus.SUCCEEDED
    assert (ended.command_result, ended.progress) == ({"result": "slow: done"}, None)
    assert bench.finished == ["x"]


def test_waiting_for_an_asynchronous_command_returns_its_end(bench: Bench) -> None:
    bench.release.set()
    ended = bench.executor.execute("a.slow", {}, wait=True)
    assert ended.command_status is CommandStatus.SUCCEEDED


def test_the_command_that_ends_the_machine_is_never_waited_for(bench: Bench) -> None:
    answered = bench.executor.execute("a.last", {}, wait=True)
    assert answered.command_status is CommandStatus.RUNNING


def test_while_a_command_runs_another_is_refused_in_ironics_words(bench: Bench) -> None:
    bench.executor.execute("a.slow", {})
    with pytest.raises(AgentBusy, match=r"^Agent is busy: executing command slow$"):
        bench.executor.execute("a.text", {})
    assert len(bench.executor.results()) == 1


def test_parameters_are_checked_before_anything_is_recorded(bench: Bench) -> None:
    with pytest.raises(InvalidRequest, match="size is missing"):
        bench.executor.execute("a.checked", {})
    assert bench.executor.results() == []


@pytest.mark.parametrize(
    ("name", "error", "complaint"),
    [
        ("text", InvalidRequest, "not of the form <namespace>.<command>"),
        ("a.other", InvalidRequest, r"no command 'a\.other'; known: a\.bug"),
        ("b.text", NotFound, "no command namespace 'b'; known: a"),
    ],
)
def test_an_unknown_command_is_refused(
    bench: Bench, name: str, error: type[Exception], complaint: str
) -> None:
    with pytest.raises(error, match=complaint):
        bench.executor.execute(name, {})


def test_an_unknown_id_is_not_found(bench: Bench) -> None:
    with pytest.raises(NotFound, match="no command with the id 'x'"):
        bench.executor.result("x")


def test_a_running_command_is_stopped_and_says_so(bench: Bench) -> None:
    running = bench.executor.execute("a.patient", {})
    bench.started.wait(10)
    assert bench.executor.result(running.id).stoppable is True
    assert bench.executor.stop(running.id).command_status is CommandStatus.RUNNING
    ended = bench.executor.result(running.id, wait=True)
    assert ended.command_status is CommandStatus.FAILED
    assert ended.stoppable is msgspec.UNSET
    assert ended.command_error == CommandError(
        type="CommandStopped",
        code=500,
        message="patient was stopped",
        details="waiting was stopped, as ordered",
    )
    with pytest.raises(CannotStop, match="patient: it has ended already"):
        bench.executor.stop(running.id)
    assert bench.executor.execute("a.text", {}).command_status is CommandStatus.SUCCEEDED


def test_what_cannot_be_stopped_says_so_and_goes_on(bench: Bench) -> None:
    running = bench.executor.execute("a.slow", {})
    bench.started.wait(10)
    (listed,) = bench.executor.results()
    assert listed.stoppable is False
    with pytest.raises(CannotStop, match="slow cannot be stopped here; wait for its end"):
        bench.executor.stop(running.id)
    bench.release.set()
    assert bench.executor.result(running.id, wait=True).command_result == {"result": "slow: done"}
    with pytest.raises(NotFound, match="no command with the id 'x'"):
        bench.executor.stop("x")
