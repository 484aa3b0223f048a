"""A console as an event stream (``text/event-stream``, WHATWG HTML section 9.2): what is shown, and how it stands.

``output`` has base64 as its data, and as its id the place behind it: who comes again with it goes on there. ``gap``: what was between is
not stored any more. ``status``: a JSON object. The stream ends when the console is closed, and after an hour.
"""

import base64
import json
import time
from collections.abc import Callable

from controller.consoles.shared_line import LineState, SharedLine, Standing

MEDIA = "text/event-stream"
SIGN_OF_LIFE = b":\n\n"
_PIECE_BYTES = 16 * 1024
_LONGEST_S = 3600.0
"""Then the reader comes again, and who he is and what he may is looked at anew."""


class EventStream:
    """What one reader gets; :meth:`pull` is called by one thread at a time."""

    def __init__(self, line: SharedLine, place: int) -> None:
        """Begin at ``place``."""
        self._line, self._place = line, place
        self._version = -1
        self._has_ended = False
        self._ends_at = time.monotonic() + _LONGEST_S

    def pull(self) -> bytes | None:
        """Return the next event; empty = nothing is new, ``None`` = nothing comes any more."""
        if self._has_ended or time.monotonic() > self._ends_at:
            return None
        begin, data = self._line.log.read(self._place, _PIECE_BYTES)
        if data:
            return self._output(begin, data)
        version = self._line.version
        if version != self._version:
            self._version = version
            standing = self._line.standing()
            self._has_ended = standing.state is LineState.CLOSED
            return _event("status", json.dumps(status_of(standing)))
        return b""

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Have ``wake`` called when something is new; return what ends that. Raises ``Conflict`` when too many watch."""
        self._line.watch(wake)
        return lambda: self._line.unwatch(wake)

    def _output(self, begin: int, data: bytes) -> bytes:
        before, self._place = self._place, begin + len(data)
        gap = _event("gap", str(begin - before)) if begin > before else b""
        text = base64.b64encode(data).decode()
        return gap + _event("output", text, place_word(self._line.log.epoch, self._place))


def status_of(standing: Standing) -> dict[str, object]:
    """Return how it stands with a console as the API tells it."""
    return {
        "state": str(standing.state),
        "reason": standing.reason,
        "typist": standing.typist,
        "watchers": standing.watchers,
        "begin": place_word(standing.epoch, standing.begin),
        "end": place_word(standing.epoch, standing.end),
    }


def place_word(epoch: str, place: int) -> str:
    """Return a place as clients get it."""
    return f"{epoch}-{place}"


def place_of(line: SharedLine, word: str | None, tail_bytes: int) -> int:
    """Return where a reader begins.

    Args:
        line: The console.
        word: A place that a stream had told; one of an earlier opening of the log says nothing any more.
        tail_bytes: How much before the end it begins otherwise.
    """
    epoch, _, number = (word or "").partition("-")
    if epoch == line.log.epoch and number.isascii() and number.isdigit():
        return int(number)
    return max(line.log.end - tail_bytes, line.log.begin)


def _event(kind: str, data: str, ident: str = "") -> bytes:
    lines = [f"event: {kind}", *([f"id: {ident}"] if ident else []), f"data: {data}", "", ""]
    return "\n".join(lines).encode()
