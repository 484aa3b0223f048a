"""What the executor makes of commands that fail, of results that cannot be told, and of an agent that ends or has no room."""

import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from agent.commands.command import Command, Control, Job, Kind, catalogue
from agent.commands.executor import CommandExecutor
from agent.commands.results import ResultStore
from agent.errors import (
    CannotStop,
    EraseError,
)
from agent.protocol.commands import CommandStatus, Progress
from tests.unit.agent.commands.executor_bench import UNDECODABLE, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.release.set()


def test_a_failure_says_what_and_why(bench: Bench) -> None:
    failed = bench.executor.execute("a.refused", {}, wait=True)
    assert failed.command_status is CommandStatus.FAILED
    assert failed.command_error.type == "DiskInUse"
    assert failed.command_error.code == 500
    assert failed.command_error.message == "refused failed"
    assert failed.command_error.details == "/dev/vda: in use; unmount it"
    assert bench.finished == ["x"]


def test_other_hardware_managers_than_the_controller_knows_are_a_status_of_their_own(
    bench: Bench,
) -> None:
    result = bench.executor.execute("a.outdated", {}, wait=True)
    assert result.command_status == "CLEAN_VERSION_MISMATCH"
    assert result.command_error.code == 409


def test_a_bug_is_a_failure_that_says_where_it_happened(bench: Bench) -> None:
    failed = bench.executor.execute("a.bug", {}, wait=True)
    assert failed.command_error.type == "KeyError"
    assert "unexpected KeyError: 'serial' at" in failed.command_error.details
    assert "executor_bench.py" in failed.command_error.details


def test_a_result_that_is_no_json_fails_its_own_command_only(bench: Bench) -> None:
    assert bench.executor.execute("a.unspeakable", {}).command_status is CommandStatus.FAILED
    assert bench.executor.execute("a.text", {}).command_status is CommandStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.exits", "SystemExit"), ("a.secretive", "Unspeakable"), ("a.garbled", "EraseError")],
)
def test_whatever_a_plug_in_raises_its_command_ends(bench: Bench, name: str, kind: str) -> None:
    started = bench.executor.execute(name, {})
    ended = bench.executor.result(started.id, wait=True)
    assert ended.command_status is CommandStatus.FAILED
    assert ended.command_error.type == kind
    assert bench.finished == ["x"]
    assert bench.executor.execute("a.text", {}).command_status is CommandStatus.SUCCEEDED


def test_results_outlive_the_process_in_their_order(bench: Bench) -> None:
    first = bench.executor.execute("a.text", {})
    second = bench.executor.execute("a.refused", {}, wait=True)
    later = bench.build()
    assert [r.id for r in later.results()] == [first.id, second.id]
    assert later.results()[1].command_error["details"] == "/dev/vda: in use; unmount it"
    third = later.execute("a.nothing", {})
    assert [r.id for r in bench.build().results()] == [first.id, second.id, third.id]


def test_a_command_that_ran_when_the_process_ended_is_failed_and_does_not_block(
    bench: Bench,
) -> None:
    running = bench.executor.execute("a.slow", {})
    later = bench.build()
    result = later.result(running.id, wait=True)
    assert result.command_status is CommandStatus.FAILED
    assert result.command_error.type == "AgentRestarted"
    assert "restarted in the middle" in result.command_error.details
    assert later.execute("a.text", {}).command_status is CommandStatus.SUCCEEDED


def test_an_unreadable_result_file_is_left_out(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    kept = bench.executor.execute("a.text", {})
    (bench.directory / "000000.json").write_text("{")
    assert [r.id for r in bench.build().results()] == [kept.id]
    assert "result file unreadable" in caplog.messages


def test_a_full_file_system_does_not_fail_a_command(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.directory.rmdir()
    bench.directory.write_text("not a folder")
    result = bench.executor.execute("a.text", {})
    assert result.command_status is CommandStatus.SUCCEEDED
    assert "result not kept" in caplog.messages
    bench.directory.unlink()
    bench.directory.mkdir()


def test_a_command_whose_thread_does_not_start_has_failed_and_the_next_one_runs(
    tmp_path: Path,
) -> None:
    commands = catalogue([Command(name="a.x", kind=Kind.ASYNC, prepare=lambda _: lambda _: "done")])
    has_room = False

    def begin(thread: threading.Thread) -> None:
        if not has_room:
            raise RuntimeError("can't start new thread")
        thread.start()

    executor = CommandExecutor(lambda: commands, ResultStore(tmp_path / "x"), lambda: None, begin)
    for wait in (False, True):
        result = executor.execute("a.x", {}, wait=wait)
        assert result.command_status is CommandStatus.FAILED
        assert "x was not begun: the ramdisk can start no thread" in result.command_error.details
        assert executor.result(result.id, wait=True).command_status is CommandStatus.FAILED
        with pytest.raises(CannotStop, match="it has ended already"):
            executor.stop(result.id)
    has_room = True
    assert executor.execute("a.x", {}, wait=True).command_result == {"result": "x: done"}


def test_what_a_program_printed_in_other_bytes_can_be_told_at_every_stage(
    tmp_path: Path,
) -> None:
    """Otherwise the agent could answer nobody any more, and the controller could not say why."""
    shown, release = threading.Event(), threading.Event()

    def speak(control: Control) -> dict[str, list[str]]:
        control.progress(Progress(phase=UNDECODABLE, message=UNDECODABLE))
        shown.set()
        release.wait(10)
        return {UNDECODABLE: [UNDECODABLE]}

    def fail(_control: Control) -> None:
        raise EraseError(f"shred: {UNDECODABLE}", result={"log": UNDECODABLE})

    jobs: dict[str, Job] = {
        "a.speak": speak,
        "a.say": lambda _control: UNDECODABLE,
        "a.fail": fail,
    }
    finished: list[str] = []
    commands = catalogue(
        Command(name=name, kind=Kind.ASYNC, prepare=lambda _params, job=job: job)  # type: ignore[misc]
        for name, job in jobs.items()
    )
    executor = CommandExecutor(
        lambda: commands,
        ResultStore(tmp_path),
        lambda: finished.append("x"),
    )
    executor.execute("a.speak", {})
    shown.wait(10)
    assert b"stern" in msgspec.json.encode(executor.results())
    release.set()
    ends = [executor.result(executor.results()[0].id, wait=True)]
    ends += [executor.execute(name, {}, wait=True) for name in ("a.say", "a.fail")]
    assert [end.command_status for end in ends] == ["SUCCEEDED", "SUCCEEDED", "FAILED"]
    told = msgspec.json.encode(ends).decode()
    assert not {"\\u0000", "\\u001b"} & {told[i : i + 6] for i in range(len(told))}
    assert told.count("stern") == 5
    assert len(finished) == 3
    assert ResultStore(tmp_path).load() == [
        msgspec.convert(msgspec.to_builtins(e), type(e)) for e in ends
    ]
