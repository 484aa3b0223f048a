"""Reads the log for all event streams of this controller, with one thread: a slow database holds up no other stream of the server.

A stream is given a page when it has none; streams at the same place share it. So one that is behind costs a page of memory,
and one that stands still costs nothing.
"""

import logging
import threading
from collections.abc import Sequence
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from controller.errors import LimitReached
from controller.store.database import Store
from controller.store.notification_log import Told, extent, read_after

log = logging.getLogger(__name__)

_PAGE = 100
_LOOK_S = 1.0
"""Where other controllers may write, too."""
_REST_S = 60.0
_STOP_S = 5.0


class Hungry(Protocol):
    """A stream, to its reader."""

    @property
    def place(self) -> int:
        """The number of the last notification that it has seen."""

    @property
    def is_hungry(self) -> bool:
        """Whether it has read all that it was given."""

    def feed(self, rows: Sequence[Told], newest: int) -> None:
        """Take what follows ``place``; none = what was there up to ``newest`` is not stored any more."""


class Reader:
    """The thread and its streams. Any thread may call."""

    def __init__(self, store: Store, *, most: int) -> None:
        """Prepare for ``most`` streams at a time; nothing runs yet."""
        self._store, self._most = store, most
        self._lock = threading.Lock()
        self._streams: dict[Hungry, None] = {}
        self._bell = threading.Event()
        self._is_stopping = False
        self._has_failed = False
        self._thread: threading.Thread | None = None
        store.notifier.rings.append(self._tell)

    @property
    def streams(self) -> int:
        """How many streams there are."""
        return len(self._streams)

    def keep_alive(self) -> None:
        """Start the thread, if it does not run."""
        if self._is_stopping or (self._thread and self._thread.is_alive()):
            return
        if self._thread:
            log.error("the notifications' thread had died; it is started again")
        self._thread = threading.Thread(target=self._run, name="notifications", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._is_stopping = True
        self.ring()
        if self._thread:
            self._thread.join(_STOP_S)

    def ring(self) -> None:
        """Say that there may be something to do."""
        self._bell.set()

    def _tell(self) -> None:
        """Hear that something was told; without a stream the thread need not take the interpreter from who told it."""
        if self._streams:
            self._bell.set()

    def require_room(self) -> None:
        """Refuse one stream more than there may be.

        Raises:
            LimitReached: There are as many.
        """
        if len(self._streams) >= self._most:
            raise LimitReached(
                f"{self._most} event streams are read already (notification_streams); close one, raise the setting, or read"
                " GET /v1/notifications now and then"
            )

    def add(self, stream: Hungry) -> None:
        """Feed a stream from now on; raises ``LimitReached`` as :meth:`require_room`."""
        with self._lock:
            self.require_room()
            self._streams[stream] = None
        self.ring()

    def remove(self, stream: Hungry) -> None:
        """Feed it no more."""
        with self._lock:
            self._streams.pop(stream, None)

    def _run(self) -> None:
        while not self._is_stopping:
            is_shared = not self._store.is_sqlite and self._streams
            self._bell.wait(_LOOK_S if is_shared or self._has_failed else _REST_S)
            self._bell.clear()
            try:
                self._serve()
                self._has_failed = False
            except SQLAlchemyError as error:
                if not self._has_failed:
                    log.warning(
                        "notifications could not be read; it is tried again: %s",
                        str(error).partition("\n")[0],
                    )
                self._has_failed = True
            except Exception:  # all streams need this thread
                log.exception("the reader of notifications met a fault; it goes on")
                self._has_failed = True

    def _serve(self) -> None:
        with self._lock:
            hungry = [one for one in self._streams if one.is_hungry]
        if not hungry:
            return
        newest = extent(self._store).newest
        behind: dict[int, list[Hungry]] = {}
        for one in hungry:
            if one.place < newest:
                behind.setdefault(one.place, []).append(one)
        for place, streams in behind.items():
            rows = read_after(self._store, place, _PAGE)
            for one in streams:
                one.feed(rows, newest)
