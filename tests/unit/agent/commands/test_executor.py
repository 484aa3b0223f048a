import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.commands.command import Command, Control, Job, Kind, Params, catalogue
from agent.commands.executor import CommandExecutor
from agent.commands.results import ResultStore
from agent.errors import (
    AgentBusy,
    CannotStop,
    DiskInUse,
    EraseError,
    InvalidRequest,
    NotFound,
    VersionMismatch,
)
from agent.protocol.commands import CommandError, CommandStatus, Progress

UNDECODABLE = b"W\xe9stern\0\x1b[2J".decode(errors="surrogateescape")
"""What a program printed that knows nothing of UTF-8, as our runner keeps it."""


class Unspeakable(Exception):
    """Raises whenever somebody wants to know what it is."""

    def __str__(self) -> str:
        raise SystemExit(3)


class Bench:
    """An executor with a few commands; ``slow`` ends when ``release`` is set."""

    def __init__(self, directory: Path) -> None:
        self.release = threading.Event()
        self.started = threading.Event()
        self.finished: list[str] = []
        self.directory = directory
        self.executor = self.build()

    def build(self) -> CommandExecutor:
        def slow(control: Control) -> str:
            control.progress(Progress(phase="write", bytes_done=1, bytes_total=2))
            self.started.set()
            self.release.wait(10)
            return "done"

        def patient(control: Control) -> str:
            control.stop.allow()
            self.started.set()
            control.stop.wait(10)
            control.stop.check("waiting")
            return "never"

        def raises(error: BaseException) -> Job:
            def fail(_control: Control) -> None:
                raise error

            return fail

        def checked(params: Params) -> Job:
            if "size" not in params:
                raise InvalidRequest("size is missing")
            return lambda _: params["size"]

        table: dict[str, tuple[Kind, Callable[[Params], Job]]] = {
            "a.slow": (Kind.ASYNC, lambda _: slow),
            "a.last": (Kind.LAST, lambda _: slow),
            "a.text": (Kind.SYNC, lambda _: lambda _: "hello"),
            "a.pair": (Kind.SYNC, lambda _: lambda _: {"pair": (1, 2)}),
            "a.nothing": (Kind.SYNC, lambda _: lambda _: None),
            "a.checked": (Kind.SYNC, checked),
            "a.refused": (Kind.ASYNC, lambda _: raises(DiskInUse("/dev/vda: in use; unmount it"))),
            "a.half": (
                Kind.ASYNC,
                lambda _: raises(EraseError("1 of 2", result={"/dev/vda": "ok"})),
            ),
            "a.exits": (Kind.ASYNC, lambda _: raises(SystemExit(3))),
            "a.secretive": (Kind.ASYNC, lambda _: raises(Unspeakable())),
            "a.garbled": (Kind.ASYNC, lambda _: raises(EraseError("1 of 2", result=object()))),
            "a.outdated": (Kind.ASYNC, lambda _: raises(VersionMismatch("other managers"))),
            "a.bug": (Kind.ASYNC, lambda _: raises(KeyError("serial"))),
            "a.patient": (Kind.ASYNC, lambda _: patient),
            "a.unspeakable": (Kind.SYNC, lambda _: lambda _: object()),
        }
        commands = [Command(name=n, kind=k, prepare=p) for n, (k, p) in table.items()]
        return CommandExecutor(
            lambda: catalogue(commands),
            ResultStore(self.directory),
            lambda: self.finished.append("x"),
        )


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
    assert "test_executor.py" in failed.command_error.details


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
