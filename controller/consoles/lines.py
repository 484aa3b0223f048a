"""The consoles that this controller keeps open: one thread for all lines, a process for each.

Nothing here waits for a BMC, a disk of somebody who watches, or who types: the thread reads what programs have to say, stores it,
and passes on what was typed. What opens a line is ``controller/hardware/console.py``'s business.
"""

import logging
import random
import selectors
import threading
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path

from agent.protocol.foreign_text import clean_line
from controller.bmc.login_hold import LoginHold
from controller.consoles.line import FIRST_WAIT_S, Line
from controller.consoles.ring_log import RingLog
from controller.consoles.selector_thread import Ready, SelectorThread
from controller.consoles.shared_line import LineState, SharedLine
from controller.consoles.wanted import WantedConsole
from controller.hardware.console import (
    BREAK,
    DENIED,
    FAILED,
    MOST_PACKET_BYTES,
    OPENED,
    REFUSED,
    SHOWN,
    TYPED,
)
from controller.peers.fork_host import ForkHost

log = logging.getLogger(__name__)

_LOOK_S = 1.0
_LONGEST_WAIT_S = 60.0
_SOUND_AFTER_S = 60.0
"""A line that was open for so long is opened again soon when it is lost."""
_MOST_WORDS = 300
_NOT_STORED = "what it shows cannot be stored: "


class Consoles:
    """All consoles of one controller process. Any thread may call."""

    def __init__(self, folder: Path, *, most: int, log_bytes: int) -> None:
        """Prepare; nothing runs yet.

        Args:
            folder: Where the logs are kept.
            most: How many consoles are kept open.
            log_bytes: How much of each is stored.
        """
        self._folder, self._most, self._log_bytes = folder, most, log_bytes
        self._lock = threading.Lock()
        self._wanted: Mapping[str, WantedConsole] = {}
        self._left_out: frozenset[str] = frozenset()
        self._lines: dict[str, Line] = {}
        self._hosts: dict[str, ForkHost] = {}
        self._rests_until: dict[str, float] = {}
        """Consoles whose log could not be opened."""
        self._thread = SelectorThread(
            "consoles",
            "the consoles",
            wait_s=self._until_retry,
            turn=self._turn,
            end=self._close_all,
        )

    def keep_alive(self) -> None:
        """Start the thread, if it does not run."""
        self._thread.keep_alive()

    def stop(self) -> None:
        """Close all lines; the consoles stay switched on."""
        self._thread.stop()
        for host in self._hosts.values():
            host.close()

    def want(self, wanted: Mapping[str, WantedConsole]) -> None:
        """Keep these open, by UUID of their node, and no others; beyond the limit those are left out that came last."""
        with self._lock:
            served = sorted(wanted, key=lambda uuid: (uuid not in self._wanted, uuid))[: self._most]
            self._wanted = {uuid: wanted[uuid] for uuid in served}
            self._left_out = frozenset(wanted) - self._wanted.keys()
        self._thread.rouse()

    def find(self, uuid: str) -> SharedLine | None:
        """Return the console of a node, if it is one of those."""
        with self._lock:
            line = self._lines.get(uuid)
        return None if line is None else line.shared

    def is_left_out(self, uuid: str) -> bool:
        """Say whether there is no room for a node's console."""
        with self._lock:
            return uuid in self._left_out

    def tidy(self, known: Callable[[Collection[str]], Collection[str]]) -> None:
        """Delete the logs of nodes that are gone.

        Args:
            known: Returns which of some UUIDs are those of nodes.

        Raises:
            OSError: The folder cannot be read.
        """
        if not self._folder.is_dir():
            return
        files = {path: path.name.partition(".")[0] for path in self._folder.iterdir()}
        there = set(known(set(files.values())))
        for path, uuid in files.items():
            if uuid not in there and self.find(uuid) is None:
                path.unlink(missing_ok=True)

    @property
    def most(self) -> int:
        """How many consoles are kept open."""
        return self._most

    def _turn(self, ready: Ready) -> None:
        for key, _ in ready:
            if isinstance(key.data, Line):
                self._read(key.data)
        self._follow_wishes()
        for line in list(self._lines.values()):
            self._work(line)

    def _close_all(self) -> None:
        for line in list(self._lines.values()):
            self._close(line, LineState.WAITING, "the controller ends")

    def _until_retry(self) -> float:
        now = time.monotonic()
        waits = [line.retry_at - now for line in self._lines.values() if line.channel is None]
        return min(max(0.0, min(waits, default=_LOOK_S)), _LOOK_S)

    def _follow_wishes(self) -> None:
        with self._lock:
            wanted = self._wanted
        for uuid, line in list(self._lines.items()):
            wish = wanted.get(uuid)
            if wish is None:
                self._end(line, "it was switched off, or is another controller's")
            elif wish.whose != line.shared.whose:
                self._end(line, "the node has another owner now")
        for uuid, wish in wanted.items():
            known = self._lines.get(uuid)
            if known is None:
                if time.monotonic() >= self._rests_until.get(uuid, 0.0):
                    self._begin(uuid, wish)
            elif known.program != wish.program:
                self._close(known, LineState.OPENING, "the node was changed")
                known.program, known.retry_at = wish.program, 0.0
                known.hold = wish.program.hold or LoginHold()

    def _begin(self, uuid: str, wish: WantedConsole) -> None:
        try:
            stored = RingLog(self._folder / f"{uuid}.log", self._log_bytes, wish.whose)
        except OSError as error:
            self._rests_until[uuid] = time.monotonic() + _LONGEST_WAIT_S
            log.warning("the log of the console of node %s cannot be opened: %s", uuid, error)
            return
        shared = SharedLine(stored, self._thread.rouse, wish.whose)
        with self._lock:
            hold = wish.program.hold or LoginHold()
            self._lines[uuid] = Line(uuid, wish.program, shared, hold=hold)

    def _end(self, line: Line, reason: str) -> None:
        """Close a console, which ends its streams: who may see it now is looked at when they come again."""
        self._close(line, LineState.CLOSED, reason)
        with self._lock:
            del self._lines[line.uuid]
        line.shared.log.close()

    def _work(self, line: Line) -> None:
        """Open what is to be opened, send what is to be sent."""
        if line.channel is None:
            if time.monotonic() >= line.retry_at and not self._is_held(line):
                self._open(line)
            return
        if line.opened_at is None:
            return
        if line.shared.wants_break():
            self._send(line, BREAK)
        while data := line.shared.typed(MOST_PACKET_BYTES - 1):
            if not self._send(line, TYPED + data):
                line.shared.put_back(data)
                return

    def _is_held(self, line: Line) -> bool:
        """Put the opening off while the login is not to be tried: somebody else may have been refused with it."""
        left_s = line.hold.left_s
        if not left_s:
            return False
        line.retry_at = time.monotonic() + min(left_s, _LONGEST_WAIT_S)
        if line.shared.standing().state is not LineState.WAITING:
            reason = f"BMC {line.program.where}: the login was refused; it is tried again in {left_s:.0f} s, or with another login at once"
            log.warning("the console of node %s is not open: %s", line.uuid, reason)
            line.shared.set_state(LineState.WAITING, reason)
        return True

    def _send(self, line: Line, message: bytes) -> bool:
        """Give a program a message; false = it takes none now, or is gone."""
        if line.channel is None:
            return False
        try:
            line.channel.send(message)
        except BlockingIOError:
            line.retry_at = time.monotonic() + _LOOK_S
            return False
        except OSError:  # its end is read, too
            return False
        return True

    def _open(self, line: Line) -> None:
        program = line.program
        host = self._hosts.get(program.module) or ForkHost(program.module)
        self._hosts[program.module] = host
        try:
            channel = host.connect()
            channel.setblocking(False)
            channel.send(program.order)
        except OSError as error:
            self._retry(line, f"the program {program.module} cannot be started: {error}")
            return
        line.channel, line.opened_at = channel, None
        self._thread.watch(channel, selectors.EVENT_READ, line)
        if line.shared.standing().state is not LineState.WAITING:
            line.shared.set_state(LineState.OPENING)

    def _read(self, line: Line) -> None:
        """Take one message of a program: the others have their turn then."""
        if line.channel is None:
            return
        try:
            message = line.channel.recv(MOST_PACKET_BYTES + 1)
        except BlockingIOError:
            return
        except OSError:
            message = b""
        kind, what = message[:1], message[1:]
        if kind == SHOWN:
            self._store(line, what)
        elif kind == OPENED:
            self._opened(line)
        elif kind == REFUSED:
            line.shared.set_state(
                LineState.OPEN,
                "the machine does not take what is typed; is it on, and does it read its serial line?",
            )
        else:
            self._lost(line, kind, what)

    def _opened(self, line: Line) -> None:
        if line.opened_at is not None:  # what is typed is taken again
            line.shared.set_state(LineState.OPEN)
            return
        line.opened_at = time.monotonic()
        line.hold.accepted()
        if line.was_lost:
            self._store(line, _note("the console is open again"))
        line.was_lost = False
        line.shared.set_state(LineState.OPEN)
        log.info("the console of node %s is open", line.uuid)

    def _lost(self, line: Line, kind: bytes, what: bytes) -> None:
        reason = "the BMC does not answer"
        if kind in (FAILED, DENIED) and what:
            reason = clean_line(what.decode(errors="replace"), _MOST_WORDS)
        if kind == DENIED:
            line.hold.refused()
        self._retry(line, f"BMC {line.program.where}: {reason}")

    def _retry(self, line: Line, reason: str) -> None:
        now = time.monotonic()
        if line.opened_at is not None:
            if now - line.opened_at > _SOUND_AFTER_S:
                line.wait_s = FIRST_WAIT_S
            self._store(line, _note(f"the console was lost: {reason}"))
            line.was_lost = True
        wait_s = max(line.wait_s * random.uniform(0.75, 1.25), line.hold.left_s)  # noqa: S311  # no secret
        line.retry_at = now + wait_s
        line.wait_s = min(2 * line.wait_s, _LONGEST_WAIT_S)
        if line.shared.standing().reason != reason:
            log.warning("the console of node %s is not open: %s", line.uuid, reason)
        self._close(line, LineState.WAITING, reason)

    def _close(self, line: Line, state: LineState, reason: str) -> None:
        channel, line.channel, line.opened_at = line.channel, None, None
        if channel is not None:
            self._thread.forget(channel)
            channel.close()
        line.shared.set_state(state, reason)

    def _store(self, line: Line, data: bytes) -> None:
        try:
            line.shared.show(data)
        except OSError as error:
            reason = f"{_NOT_STORED}{error.strerror}"
            if line.shared.standing().reason != reason:
                log.warning("the console of node %s: %s", line.uuid, reason)
                line.shared.set_state(LineState.OPEN, reason)
            return
        if line.shared.standing().reason.startswith(_NOT_STORED):
            log.info("what the console of node %s shows is stored again", line.uuid)
            line.shared.set_state(LineState.OPEN)


def _note(text: str) -> bytes:
    when = datetime.now(UTC).isoformat(timespec="seconds")
    return f"\r\n[ingot {when}: {text}]\r\n".encode()
