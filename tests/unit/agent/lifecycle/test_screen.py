"""The block on the machine's own screen."""

from dataclasses import replace
from pathlib import Path

from agent.lifecycle.screen import Screen, View, active_consoles, block, pinned
from agent.protocol.commands import CommandResult, CommandStatus, Progress
from agent.system.status import Status, Trouble

URL = "https://10.0.0.5:9999"
VIEW = View(
    title="Ingot agent 1.0",
    machine="ACME R1, serial S1",
    status=Status(
        phase="waiting for orders", node="n-1", url=URL, controller="http://c:6385", heard_at=1.0
    ),
    running=None,
    last=None,
    trouble=None,
)


def order(status: CommandStatus, progress: Progress | None = None) -> CommandResult:
    return CommandResult(
        id="1", command_name="write_image", command_status=status, progress=progress
    )


def test_state_address_controller_and_last_error_stand_on_it() -> None:
    assert block(VIEW) == (
        "== Ingot agent 1.0 ".ljust(79, "="),
        " machine:    ACME R1, serial S1",
        " node:       n-1",
        " state:      waiting for orders",
        " address:    https://10.0.0.5:9999",
        " controller: http://c:6385 - answers",
        " last error: none",
        "=" * 79,
    )


def test_an_error_and_a_controller_that_is_silent_are_told_in_lines_that_fit() -> None:
    silent = replace(VIEW.status, silence="connection refused")
    trouble = Trouble(uptime_s=12.6, level=40, text="disk gr\xf6\xdfe \x1b[2J" + "x" * 200)
    lines = block(replace(VIEW, status=silent, trouble=trouble))
    assert " controller: http://c:6385 - does not answer: connection refused" in lines
    assert " last error: [13 s] disk gr??e" in lines[6]
    assert all(len(line) <= 79 and line.isascii() and line.isprintable() for line in lines)


def test_a_running_order_is_told_in_tens_of_percent() -> None:
    progress = Progress(phase="write", bytes_done=499, bytes_total=1000)
    running = order(CommandStatus.RUNNING, progress)
    assert " state:      write_image: write, 40 % or more" in block(replace(VIEW, running=running))
    percent = replace(VIEW, running=order(CommandStatus.RUNNING, Progress(phase="x", percent=7.0)))
    assert " state:      write_image: x, 0 % or more" in block(percent)
    failed = replace(VIEW, last=order(CommandStatus.FAILED))
    assert " state:      waiting for orders; last order write_image: FAILED" in block(failed)


def test_a_vga_screen_keeps_the_block_at_its_top_and_scrolls_below() -> None:
    first = pinned(("a", "b"), 25, is_first=True)
    assert first == "\x1b[3;25r\x1b[25;1H\x1b7\x1b[1;1H\x1b[Ka\x1b[2;1H\x1b[Kb\x1b8"
    assert pinned(("a",), 25, is_first=False) == "\x1b7\x1b[1;1H\x1b[Ka\x1b8"


def test_a_console_gets_the_block_when_something_has_changed(tmp_path: Path) -> None:
    console = tmp_path / "ttyS0"
    console.touch()
    views = [VIEW, VIEW, replace(VIEW, machine="other")]
    screen = Screen((console, tmp_path / "gone/tty0"), lambda: views.pop(0))
    assert [screen.draw(), screen.draw(), screen.draw()] == [True, False, True]
    assert console.read_bytes().decode() == "".join(
        f"{line}\r\n" for line in block(replace(VIEW, machine="other"))
    )


def test_the_consoles_are_those_of_the_kernel(tmp_path: Path) -> None:
    active = tmp_path / "active"
    assert active_consoles(active) == ()
    active.write_text("tty0 ttyS0\n")
    assert active_consoles(active, Path("/d")) == (Path("/d/tty0"), Path("/d/ttyS0"))
