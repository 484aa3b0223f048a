"""One connection to a console's TCP port: a place in the stored log, what it types, and whether it still lives.

Bounds: 4 KiB that are typed and wait, 16 KiB that are shown and wait. It is ended when it takes less than 16 KiB in a minute in which
more waits for it, when nothing moves for as long as the settings say, and when its client is gone without a word.
"""

import fcntl
import socket
import sys
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from controller.consoles.shared_line import LineState, SharedLine
from controller.errors import ControllerError

MOST_PENDING_BYTES = 4096
_PIECE_BYTES = 16 * 1024
_JUDGED_S = 60.0
"""Over which time a slow reader is judged."""
_LEAST_BYTES = 16 * 1024
"""So much it takes then at least, a quarter of what a line of 9600 baud shows."""
_KERNEL_BYTES = 32 * 1024
"""So much the kernel holds, or twice as much; otherwise it would be megabytes that a slow reader is behind."""
_INT_BYTES = 4
_TOLD_S = 1.0
_PROBE_AFTER_S, _PROBE_EVERY_S, _PROBES = 10, 5, 3


@dataclass(eq=False, slots=True, kw_only=True)
class Link:
    """A connection; its thread alone calls."""

    channel: socket.socket
    line: SharedLine
    user: str
    wake: Callable[[], None]
    place: int
    """Of the stored log: what is shown next."""
    keyboard: str = ""
    typed_bytes: int = 0
    pending: bytearray = field(default_factory=bytearray)
    """What was received and is not typed yet."""
    unsent: bytes = b""
    moved_at: float = field(default_factory=time.monotonic)
    """When a byte went either way."""
    behind_at: float = field(default_factory=time.monotonic)
    """Since when its reading is judged."""
    sent_bytes: int = 0
    """What the kernel was given in all."""
    read_bytes: int = 0
    """What of that the client's side had received then."""
    told_at: float = float("-inf")

    def receive(self) -> bool:
        """Take what is typed, as far as there is room for it; ``False`` = the client has ended."""
        room = MOST_PENDING_BYTES - len(self.pending)
        if room <= 0:
            return True
        try:
            data = self.channel.recv(room)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.pending += data
        self.moved_at = time.monotonic()
        return bool(data)

    def work(self) -> None:
        """Type what waits, show what is new; raises ``OSError`` when the client is gone."""
        self._type()
        self._show()

    def is_over(self, idle_s: float) -> bool:
        """Say whether it is to be ended: the console is closed, it reads too slowly, or nothing has moved for ``idle_s``."""
        now = time.monotonic()
        if self.line.standing().state is LineState.CLOSED:
            return True
        if idle_s and now - self.moved_at > idle_s:
            return True
        if now - self.behind_at <= _JUDGED_S:
            return False
        is_slow = bool(self.unsent) and self._received() - self.read_bytes < _LEAST_BYTES
        self._judge_anew()
        return is_slow

    def _type(self) -> None:
        """Type; while somebody else has the keyboard, what comes is dropped, and said so now and then."""
        if not self.pending:
            return
        try:
            if not self.keyboard:
                self.keyboard = self.line.take_keyboard(self.user, by_force=False)
                self.typed_bytes = 0
            taken = self.line.type(self.keyboard, bytes(self.pending), self.typed_bytes)
        except ControllerError as error:
            self.keyboard = ""
            self.pending.clear()
            if not self.unsent and time.monotonic() - self.told_at > _TOLD_S:
                self.told_at = time.monotonic()
                self.unsent = f"\r\n[ingot: {error}]\r\n".encode()
            return
        del self.pending[: taken - self.typed_bytes]
        self.typed_bytes = taken

    def _show(self) -> None:
        while True:
            if not self.unsent:
                begin, data = self.line.log.read(self.place, _PIECE_BYTES)
                if not data:  # it is not behind
                    self._judge_anew()
                    return
                self.place, self.unsent = begin + len(data), data
            try:
                sent_bytes = self.channel.send(self.unsent)
            except BlockingIOError:
                return
            self.unsent = self.unsent[sent_bytes:]
            self.sent_bytes += sent_bytes
            self.moved_at = time.monotonic()

    def _judge_anew(self) -> None:
        self.behind_at, self.read_bytes = time.monotonic(), self._received()

    def _received(self) -> int:
        """Return how much the client's side has; what the kernel takes of us comes in lumps as large as its buffer (``tcp(7)``, SIOCOUTQ)."""
        waiting = fcntl.ioctl(self.channel.fileno(), termios.TIOCOUTQ, bytes(_INT_BYTES))
        return self.sent_bytes - int.from_bytes(waiting, sys.byteorder)


def watch_over(channel: socket.socket) -> None:
    """Have the kernel find out that a client is gone which never said so; raises ``OSError`` when it is already."""
    channel.setblocking(False)
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BYTES)
    for option, value in (
        (socket.TCP_NODELAY, 1),
        (socket.TCP_KEEPIDLE, _PROBE_AFTER_S),
        (socket.TCP_KEEPINTVL, _PROBE_EVERY_S),
        (socket.TCP_KEEPCNT, _PROBES),
        (socket.TCP_USER_TIMEOUT, int(_JUDGED_S * 1000)),
    ):
        channel.setsockopt(socket.IPPROTO_TCP, option, value)
