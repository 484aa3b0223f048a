"""Events on their way to whoever asked for them (DSP0266 13.5): pushed to an address, or streamed to who listens.

Pushing has one thread, a queue that drops what is too much and a deadline per delivery. A stream (13.5.3) has the thread of its connection
and such a queue; there are a few at most.
"""

import contextlib
import queue
import threading
from typing import Any

import requests
import urllib3

_MOST_WAITING = 100
_DELIVERY_TIMEOUT_S = 5
_MOST_STREAMS = 4


class Courier:
    """Delivers documents in the order in which they came; what cannot be delivered is lost."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue(_MOST_WAITING)
        self._thread: threading.Thread | None = None

    def send(self, destination: str, document: dict[str, Any]) -> None:
        """Queue one document for one address; a full queue drops it."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._deliver, name="events", daemon=True)
            self._thread.start()
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait((destination, document))

    def _deliver(self) -> None:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        with requests.Session() as session:
            session.trust_env = False
            while True:
                destination, document = self._waiting.get()
                with contextlib.suppress(requests.RequestException):
                    session.post(
                        destination,
                        json=document,
                        timeout=_DELIVERY_TIMEOUT_S,
                        verify=False,  # a subscriber's certificate is nobody's in a lab
                        allow_redirects=False,
                    ).close()


class Stream:
    """The events that one listener has not got yet; used by the thread of its connection and by who sends."""

    def __init__(self, ident: str) -> None:
        self.id = ident
        """Of the subscription that stands for it."""
        self._waiting: queue.Queue[dict[str, Any]] = queue.Queue(_MOST_WAITING)
        self._ended = threading.Event()

    @property
    def is_over(self) -> bool:
        """Whether its subscription is gone."""
        return self._ended.is_set()

    def put(self, document: dict[str, Any]) -> None:
        """Add one; a full queue drops it."""
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(document)

    def take(self, timeout_s: float) -> dict[str, Any] | None:
        """Return the next one; ``None`` = none came in time."""
        try:
            return self._waiting.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def end(self) -> None:
        self._ended.set()


class Streams:
    """The open streams, by the subscription that stands for each."""

    def __init__(self) -> None:
        self._open: dict[str, Stream] = {}
        self._lock = threading.Lock()

    def begin(self, ident: str) -> Stream | None:
        """Open one; ``None`` = there are too many."""
        with self._lock:
            if len(self._open) >= _MOST_STREAMS:
                return None
            return self._open.setdefault(ident, Stream(ident))

    def find(self, ident: str) -> Stream | None:
        with self._lock:
            return self._open.get(ident)

    def end(self, ident: str) -> None:
        """End one; its connection closes soon. Nothing happens where there is none."""
        with self._lock:
            stream = self._open.pop(ident, None)
        if stream is not None:
            stream.end()

    def idents(self) -> tuple[str, ...]:
        with self._lock:
            return tuple(self._open)
