"""Pushes events to subscribers (DSP0266 13.5): one thread, a queue that drops what is too much, a deadline per delivery."""

import contextlib
import queue
import threading
from typing import Any

import requests
import urllib3

_MOST_WAITING = 100
_DELIVERY_TIMEOUT_S = 5


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
