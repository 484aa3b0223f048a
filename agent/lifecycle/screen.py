"""The machine's own screen: a compact block that says what this machine is, what it does, who orders it, and what went wrong.

It is written when something in it changes and not more often than every few seconds: a serial line is slow, and somebody reads it.
On a VGA console it stands at the top and the log scrolls below it (DECSTBM, console_codes(4)); on a serial line it is some lines of the log.
"""

import fcntl
import logging
import struct
import termios
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.errors import AgentError
from agent.hardware.reading import MachineView
from agent.protocol.commands import CommandResult, CommandStatus
from agent.protocol.foreign_text import clean_line
from agent.system.status import Status, Trouble

log = logging.getLogger(__name__)
_WIDTH = 79
_LOOK_S, _PAUSE_S = 1.0, 5.0
_LEAST_ROWS = 20
"""Of a screen that has room for the block and the log."""
_STEP_PERCENT = 10
_Lines = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the block is made from; ``running`` is the command under way, ``last`` the one that ended last."""

    title: str
    machine: str
    status: Status
    running: CommandResult | None
    last: CommandResult | None
    trouble: Trouble | None


def block(view: View) -> _Lines:
    """Return the lines of the block, at most 79 characters each; texts that change all the time are not in it."""
    status = view.status
    controller = status.controller or "none yet"
    if status.silence:
        controller += f" - does not answer: {status.silence}"
    elif status.heard_at is not None:
        controller += " - answers"
    error = f"[{view.trouble.uptime_s:.0f} s] {view.trouble.text}" if view.trouble else "none"
    pairs = (
        ("machine", view.machine),
        ("node", status.node or "not known yet"),
        ("state", _state(view)),
        ("address", status.url or "none yet"),
        ("controller", controller),
        ("last error", error),
    )
    head = f"== {view.title} ".ljust(_WIDTH, "=")
    lines = (f" {name + ':':<12}{clean_line(text)}" for name, text in pairs)
    return (head, *(_fitting(line) for line in lines), "=" * _WIDTH)


def _state(view: View) -> str:
    if view.running is not None:
        return f"{view.running.command_name}{_progress(view.running)}"
    if view.last is None:
        return view.status.phase
    ended = "done" if view.last.command_status is CommandStatus.SUCCEEDED else "FAILED"
    return f"{view.status.phase}; last order {view.last.command_name}: {ended}"


def _progress(result: CommandResult) -> str:
    """Return the phase and the tens of percent that are done, so that the block changes seldom."""
    progress = result.progress
    if progress is None:
        return ""
    percent = progress.percent
    if percent is None and progress.bytes_done and progress.bytes_total:
        percent = 100 * progress.bytes_done / progress.bytes_total
    if percent is None:
        return f": {progress.phase}"
    return f": {progress.phase}, {int(percent // _STEP_PERCENT) * _STEP_PERCENT} % or more"


def _fitting(line: str) -> str:
    plain = line.encode("ascii", "replace").decode()
    return plain if len(plain) <= _WIDTH else f"{plain[: _WIDTH - 3]}..."


def pinned(lines: Sequence[str], rows: int, *, is_first: bool) -> str:
    """Return what draws ``lines`` at the top of a screen of ``rows`` rows and leaves the rest to others, who go on where they were."""
    drawn = "".join(f"\x1b[{row};1H\x1b[K{line}" for row, line in enumerate(lines, start=1))
    region = f"\x1b[{len(lines) + 1};{rows}r\x1b[{rows};1H" if is_first else ""
    return f"{region}\x1b7{drawn}\x1b8"


def machine_words(hardware: MachineView) -> str:
    """Return the machine in one line; why not, if it cannot be read."""
    try:
        identity = hardware.machine_reader().identity()
    except AgentError as error:
        return f"not known: {error}"
    words = (identity.manufacturer, identity.product_name)
    serial = f", serial {identity.serial_number}" if identity.serial_number else ""
    return (" ".join(filter(None, words)) or "of unknown make") + serial


def active_consoles(
    active: Path = Path("/sys/class/tty/console/active"), devices: Path = Path("/dev")
) -> tuple[Path, ...]:
    """Return the devices of the consoles on the kernel command line; ``()`` where there are none, as in a container."""
    try:
        return tuple(devices / name for name in active.read_text().split())
    except OSError:
        return ()


class Screen:
    """Draws the block on all consoles, in a thread of its own."""

    def __init__(self, consoles: Sequence[Path], view: Callable[[], View]) -> None:
        self._consoles = consoles
        self._view = view
        self._shown: _Lines = ()
        self._pinned: set[Path] = set()
        self._stop = threading.Event()

    def start(self) -> None:
        """Draw from now on."""
        threading.Thread(target=self._run, name="screen", daemon=True).start()

    def stop(self) -> None:
        """Draw what changed last, and then no more."""
        self._stop.set()
        self.draw()

    def _run(self) -> None:
        while not self._stop.wait(_PAUSE_S if self.draw() else _LOOK_S):
            pass

    def draw(self) -> bool:
        """Draw if something has changed; say whether it has."""
        lines = block(self._view())
        if lines == self._shown:
            return False
        self._shown = lines
        for console in self._consoles:
            try:
                self._draw_on(console, lines)
            except OSError as error:
                log.debug("screen not drawn", extra={"console": str(console), "why": str(error)})
        return True

    def _draw_on(self, console: Path, lines: _Lines) -> None:
        with console.open("wb", buffering=0) as device:
            rows = _rows(device.fileno()) if console.name.startswith("tty") else 0
            if rows >= _LEAST_ROWS and console.name.removeprefix("tty").isdecimal():
                text = pinned(lines, rows, is_first=console not in self._pinned)
                self._pinned.add(console)
            else:
                text = "".join(f"{line}\r\n" for line in lines)
            device.write(text.encode())


def _rows(device: int) -> int:
    """Return the height of a terminal; 0 = not known, as of a serial line."""
    try:
        size = fcntl.ioctl(device, termios.TIOCGWINSZ, bytes(8))
    except OSError:
        return 0
    return int(struct.unpack("4H", size)[0])
