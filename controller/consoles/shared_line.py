"""One machine's console: what it has shown, who watches, and the one who types."""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from controller.consoles.ring_log import RingLog
from controller.errors import Conflict, Invalid

MOST_WATCHERS = 64
_MOST_WAITING_BYTES = 4096
"""So much of what is typed waits for the line's program; more is taken when that has taken some."""
_IDLE_S = 600.0
"""A keyboard that nobody has touched for so long is free."""


class LineState(StrEnum):
    """How it stands with the serial line."""

    OPENING = "opening"
    OPEN = "open"
    WAITING = "waiting"
    """It was lost or refused, and is tried again; the reason says why."""
    CLOSED = "closed"
    """The console was switched off here, or is another controller's now."""


@dataclass(slots=True, kw_only=True)
class _Typist:
    keyboard: str
    user: str
    touched_at: float
    taken_bytes: int = 0
    """Of what was typed on this keyboard, so that a request that comes twice types once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How it stands with a console."""

    state: LineState
    reason: str
    typist: str | None
    """Whose keyboard it is."""
    watchers: int
    begin: int
    end: int
    """Places of the first and behind the last byte that are stored."""
    epoch: str


class SharedLine:
    """A console. Any thread may call; nobody who watches or types delays the thread that reads the line."""

    def __init__(self, log: RingLog, wake: Callable[[], None], whose: str = "") -> None:
        """Begin closed.

        Args:
            log: Where it is stored.
            wake: Is called when something was typed.
            whose: The owner of the node; empty = it has none.
        """
        self.log, self.whose = log, whose
        self._wake_loop = wake
        self._lock = threading.Lock()
        self._state, self._reason = LineState.OPENING, ""
        self._typist: _Typist | None = None
        self._waiting = bytearray()
        self._break_wanted = self._may_be_put_back = False
        self._watchers: dict[Callable[[], None], None] = {}
        self.version = 0
        """Grows when the standing has changed in another way than by output."""

    def standing(self) -> Standing:
        """Return how it stands."""
        with self._lock:
            typist = self._living_typist()
            return Standing(
                state=self._state,
                reason=self._reason,
                typist=typist.user if typist else None,
                watchers=len(self._watchers),
                begin=self.log.begin,
                end=self.log.end,
                epoch=self.log.epoch,
            )

    def require_room(self) -> None:
        """Raise ``Conflict`` if as many watch as may."""
        with self._lock:
            self._check_room()

    def _check_room(self) -> None:
        if len(self._watchers) >= MOST_WATCHERS:
            raise Conflict(
                f"{MOST_WATCHERS} watch this console already; close one of them, or read its log without following"
            )

    def watch(self, wake: Callable[[], None]) -> None:
        """Call ``wake`` from now on when there is something new; it must return at once.

        Raises:
            Conflict: As many watch as may.
        """
        with self._lock:
            self._check_room()
            self._watchers[wake] = None
        self._changed()

    def unwatch(self, wake: Callable[[], None]) -> None:
        """Call it no more."""
        with self._lock:
            self._watchers.pop(wake, None)
        self._changed()

    def take_keyboard(self, user: str, *, by_force: bool) -> str:
        """Return a keyboard; the one before types nothing more, and what of it still waits is dropped.

        Raises:
            Conflict: Somebody else has it, and it is not to be taken by force.
        """
        with self._lock:
            typist = self._living_typist()
            if typist is not None and not by_force:
                raise Conflict(
                    f"{typist.user} types on this console; watch, ask them to leave it, or take the keyboard with force"
                )
            self._drop()
            keyboard = secrets.token_urlsafe(16)
            self._typist = _Typist(keyboard=keyboard, user=user, touched_at=time.monotonic())
        self._changed()
        return keyboard

    def leave_keyboard(self, keyboard: str) -> None:
        """Give a keyboard back; one that was taken away already is fine."""
        with self._lock:
            if self._typist is None or self._typist.keyboard != keyboard:
                return
            self._typist = None
        self._changed()

    def type(self, keyboard: str, data: bytes, at: int) -> int:
        """Type.

        Args:
            keyboard: What :meth:`take_keyboard` returned.
            data: What is typed.
            at: How many bytes were typed on this keyboard before; what was taken already is not typed again.

        Returns:
            How many bytes of this keyboard are taken now: less than ``at + len(data)`` when the line is slow.

        Raises:
            Conflict: The keyboard is somebody else's by now, or the line is not open.
            Invalid: ``at`` is beyond what was typed.
        """
        with self._lock:
            typist = self._require(keyboard)
            if at > typist.taken_bytes:
                raise Invalid(
                    f"at is {at}, and {typist.taken_bytes} bytes were typed on this keyboard; send what is missing first"
                )
            fresh = data[typist.taken_bytes - at :]
            fresh = fresh[: max(0, _MOST_WAITING_BYTES - len(self._waiting))]
            self._waiting += fresh
            typist.taken_bytes += len(fresh)
            taken = typist.taken_bytes
        self._wake_loop()
        return taken

    def send_break(self, keyboard: str) -> None:
        """Send a break; raises ``Conflict`` as :meth:`type`."""
        with self._lock:
            self._require(keyboard)
            self._break_wanted = True
        self._wake_loop()

    def show(self, data: bytes) -> None:
        """Store what the machine has printed, and tell those who watch.

        Raises:
            OSError: It cannot be stored.
        """
        self.log.append(data)
        with self._lock:
            watchers = list(self._watchers)
        for wake in watchers:
            wake()

    def set_state(self, state: LineState, reason: str = "") -> None:
        """Say how it stands with the line; what was typed and not sent is gone unless it is open."""
        with self._lock:
            self._state, self._reason = state, reason
            if state is not LineState.OPEN:
                self._drop()
        self._changed()

    def typed(self, most_bytes: int) -> bytes:
        """Take what is to be sent to the line."""
        with self._lock:
            taken = bytes(self._waiting[:most_bytes])
            del self._waiting[:most_bytes]
            self._may_be_put_back = True
            return taken

    def put_back(self, data: bytes) -> None:
        """Put back what could not be sent, unless all that waited was dropped meanwhile."""
        with self._lock:
            if self._may_be_put_back:
                self._waiting[:0] = data

    def wants_break(self) -> bool:
        """Say whether a break is to be sent; it is forgotten then."""
        with self._lock:
            wanted, self._break_wanted = self._break_wanted, False
            return wanted

    def _drop(self) -> None:
        """Forget what was typed and not sent; the lock is held."""
        self._waiting.clear()
        self._break_wanted = self._may_be_put_back = False

    def _require(self, keyboard: str) -> _Typist:
        typist = self._typist
        if typist is None or not secrets.compare_digest(
            typist.keyboard.encode(), keyboard.encode(errors="replace")
        ):
            who = f"{typist.user} has the keyboard now" if typist else "the keyboard was given back"
            raise Conflict(f"{who}; take it again to type")
        if self._state is not LineState.OPEN:
            why = f": {self._reason}" if self._reason else ""
            raise Conflict(f"the console is {self._state}, not open{why}; nothing was typed")
        typist.touched_at = time.monotonic()
        return typist

    def _living_typist(self) -> _Typist | None:
        typist = self._typist
        is_idle = typist is not None and time.monotonic() - typist.touched_at > _IDLE_S
        return None if is_idle else typist

    def _changed(self) -> None:
        with self._lock:
            self.version += 1
            watchers = list(self._watchers)
        for wake in watchers:
            wake()
