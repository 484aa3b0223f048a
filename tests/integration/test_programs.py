"""Programs are run by the real runner: followed line by line, bounded, and ended with everything that they have started."""

import os
import threading
import time
from pathlib import Path

import pytest

from agent.errors import CommandFailed, Stopped
from agent.system.program_output import Pump
from agent.system.runner import HostRunner
from agent.system.stop_signal import StopSignal
from tests.integration.processes import is_running

FAMILY = """
trap '' TERM
(trap '' TERM; while :; do sleep 0.1; done) &
echo $! > child
sh -c 'sleep 600 & echo $! > grandchild; wait' &
echo ready
while :; do sleep 0.1; done
"""
"""A program that ignores SIGTERM, with a child that does too and a grandchild."""


def pid_in(file: Path) -> int:
    while not file.exists() or not file.read_text().strip():
        time.sleep(0.01)
    return int(file.read_text())


def test_lines_of_both_outputs_come_while_the_program_runs(tmp_path: Path) -> None:
    heard: list[str] = []

    def answer(line: str) -> None:
        heard.append(line)
        if line == "one":
            (tmp_path / "go-on").touch()

    script = (
        r"echo one; until [ -e go-on ]; do sleep 0.01; done; printf '10%%\r20%%\r\n\nlast' >&2; pwd"
    )
    output = HostRunner().follow(
        "sh", "-c", f"{script}; echo $SIZE $LC_ALL", timeout_s=20, on_line=answer,
        folder=tmp_path, environment={"SIZE": "4k"},
    )  # fmt: skip
    assert sorted(heard) == sorted(["one", "10%", "20%", "last", str(tmp_path), "4k C.UTF-8"])
    assert output.stdout == f"one\n{tmp_path}\n4k C.UTF-8\n"
    assert output.stderr == "10%\n20%\n\nlast"


def test_a_stop_ends_the_whole_group_also_what_ignores_sigterm(tmp_path: Path) -> None:
    stop = StopSignal()
    with pytest.raises(Stopped, match="sh was stopped"):
        HostRunner().follow(
            "sh", "-c", FAMILY, timeout_s=60, stop=stop, folder=tmp_path,
            on_line=lambda _line: threading.Timer(0.2, stop.set).start(),
        )  # fmt: skip
    assert not is_running(pid_in(tmp_path / "child"))
    assert not is_running(pid_in(tmp_path / "grandchild"))


def test_what_is_stopped_already_is_not_started(tmp_path: Path) -> None:
    stop = StopSignal()
    stop.set()
    with pytest.raises(Stopped):
        HostRunner().follow(
            "touch", str(tmp_path / "x"), timeout_s=9, on_line=lambda _line: None, stop=stop
        )
    assert list(tmp_path.iterdir()) == []


def test_the_time_limit_ends_the_whole_group(tmp_path: Path) -> None:
    script = f"cd {tmp_path}; sleep 600 & echo $! > child; wait"
    with pytest.raises(CommandFailed, match=r"no end after 0\.5 s; killed"):
        HostRunner().run("sh", "-c", script, timeout_s=0.5)
    assert not is_running(pid_in(tmp_path / "child"))


def test_an_error_of_the_listener_ends_the_program(tmp_path: Path) -> None:
    def refuse(line: str) -> None:
        raise ValueError(line)

    with pytest.raises(ValueError, match="ready"):
        HostRunner().follow(
            "sh", "-c", "sleep 600 & echo $! > child; echo ready; wait",
            timeout_s=60, on_line=refuse, folder=tmp_path,
        )  # fmt: skip
    assert not is_running(pid_in(tmp_path / "child"))


def test_a_daemon_that_keeps_the_output_does_not_keep_the_caller(tmp_path: Path) -> None:
    script = f"echo started; sleep 600 & echo $! > {tmp_path}/daemon"
    output = HostRunner().run("sh", "-c", script, timeout_s=60)
    daemon = pid_in(tmp_path / "daemon")
    assert output.stdout == "started\n"
    assert is_running(daemon)
    os.kill(daemon, 9)


def test_the_last_words_after_a_long_silence_are_heard_however_late_the_reader_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    turn = Pump.turn

    def late(pump: Pump, wait_s: float) -> bool:
        """As on a machine that is so busy that the reader does not come back for longer than it is patient."""
        has_moved = turn(pump, wait_s)
        time.sleep(1.3)
        return has_moved

    monkeypatch.setattr(Pump, "turn", late)
    output = HostRunner().run("sh", "-c", "sleep 1; echo said; echo complained >&2", timeout_s=60)
    assert (output.stdout, output.stderr) == ("said\n", "complained\n")


def test_a_flood_is_an_error_where_all_is_wanted_and_cut_where_it_is_followed() -> None:
    with pytest.raises(CommandFailed, match="printed more than 67108864 bytes; killed"):
        HostRunner().run("yes", timeout_s=60)
    output = HostRunner().follow(
        "seq", "1000000", timeout_s=60, on_line=lambda _line: None, most_bytes=7
    )
    assert output.stdout == "999999\n1000000\n"[-7:]


def test_input_larger_than_a_pipe_arrives_and_none_is_an_end_of_file() -> None:
    text = "x" * 1_000_000
    assert HostRunner().run("cat", timeout_s=20, stdin=text).stdout == text
    assert HostRunner().run("cat", timeout_s=20).stdout == ""
    assert HostRunner().run("true", timeout_s=20, stdin=text).exit_code == 0


def test_failures_name_the_program_and_what_it_said() -> None:
    with pytest.raises(CommandFailed, match="exit status 3: broken disk"):
        HostRunner().run("sh", "-c", "echo broken disk >&2; exit 3", timeout_s=20)
    with pytest.raises(CommandFailed, match="no-such-tool: program not found"):
        HostRunner().run("no-such-tool", timeout_s=20)
    with pytest.raises(CommandFailed, match="no folder /nowhere to run it in"):
        HostRunner().follow(
            "true", timeout_s=20, on_line=lambda _line: None, folder=Path("/nowhere")
        )
    assert HostRunner().run("sh", "-c", "exit 3", timeout_s=20, ok=(0, 3)).exit_code == 3
