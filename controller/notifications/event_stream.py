"""Notifications as an event stream (``text/event-stream``, WHATWG HTML section 9.2).

Each has its number as ``id``, its type as ``event`` and its document as ``data``. ``gap``: what was between is not stored any more.
Who comes again with the last ``id`` (``Last-Event-ID``) goes on there. The stream ends after an hour: the reader comes
again, and what he may see is looked at anew.
"""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import pairwise

from controller.notifications.document import Choice
from controller.notifications.reader import Reader
from controller.store.notification_log import Told

MEDIA = "text/event-stream"
SIGN_OF_LIFE = b":\n\n"
_LONGEST_S = 3600.0
_RETRY_MS = 2000
_AT_ONCE = 100
"""So many that are not for the reader are passed over at a time: other streams have their turn."""


class NotificationStream:
    """What one reader gets; :meth:`pull` is called by one thread at a time, :meth:`feed` by another."""

    def __init__(self, reader: Reader, choice: Choice, place: int, *, may_miss: bool) -> None:
        """Begin behind the notification with the number ``place``.

        Args:
            reader: Gives it what there is.
            choice: What of it the reader gets.
            place: A number.
            may_miss: Something may have been between it and where the reader was.
        """
        self._reader, self._choice, self._place = reader, choice, place
        self._lock = threading.Lock()
        self._rows: deque[Told] = deque()
        self._shown = place
        self._head = f"retry: {_RETRY_MS}\nid: {place}\n\n".encode()
        if may_miss:
            self._head += _gap(place, until=place)
        self._wake: Callable[[], None] | None = None
        self._ends_at = time.monotonic() + _LONGEST_S

    @property
    def place(self) -> int:
        """The number of the last notification that it was given."""
        return self._place

    @property
    def is_hungry(self) -> bool:
        """Whether it has read all that it was given."""
        return not self._rows

    def feed(self, rows: Sequence[Told], newest: int) -> None:
        """Take what follows ``place``; none = what was there up to ``newest`` is not stored any more."""
        with self._lock:
            before, self._place = self._place, rows[-1].number if rows else newest
            seen = [before, *(row.number for row in rows)]
            holes = [there - 1 for here, there in pairwise(seen) if there > here + 1]
            if not rows:
                holes = [newest]
            if holes:
                is_first = not rows or rows[0].number > before + 1
                self._head += _gap(holes[0] if is_first else before, until=holes[-1])
            self._rows.extend(rows)
        if self._wake:
            self._wake()

    def pull(self) -> bytes | None:
        """Return the next event; empty = nothing is new, ``None`` = nothing comes any more."""
        if time.monotonic() > self._ends_at:
            return None
        with self._lock:
            head, self._head = self._head, b""
        if head:
            return head
        for _ in range(_AT_ONCE):
            if not self._rows:
                break
            with self._lock:
                row = self._rows.popleft()
            document = self._choice.document(row)
            if document is not None:
                self._shown = row.number
                return _event(row.event_type, row.number, document)
        else:
            if self._wake:
                self._wake()
            return b""
        self._reader.ring()
        return self._silent_place()

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Have ``wake`` called when something is new; return what ends that. Raises ``LimitReached`` when too many read."""
        self._wake = wake
        self._reader.add(self)
        return lambda: self._reader.remove(self)

    def _silent_place(self) -> bytes:
        """Tell a reader who has got none of many where to go on."""
        if self._place - self._shown < _AT_ONCE:
            return b""
        self._shown = self._place
        return f"id: {self._place}\n\n".encode()


def _event(kind: str, number: int, document: bytes) -> bytes:
    return b"event: %b\nid: %d\ndata: %b\n\n" % (kind.encode(), number, document)


def _gap(place: int, *, until: int) -> bytes:
    """Return the event that says that something up to ``until`` is missing; who comes again goes on behind ``place``."""
    data = json.dumps({"until": until})
    return f"event: gap\nid: {place}\ndata: {data}\n\n".encode()
