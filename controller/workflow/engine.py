"""The threads that advance nodes.

One worker at a time looks for a due node and sleeps until the next one is due; when it has claimed one,
the next worker looks. So an idle controller runs one query each time something is due, and a busy one
works on as many nodes as it has workers. ``wake`` ends the sleep at once.
"""

import logging
import threading

from sqlalchemy.exc import SQLAlchemyError

from controller.store.claims import Claim, claim_due, next_due_at, release_all
from controller.workflow.advance import advance
from controller.workflow.services import Services

log = logging.getLogger(__name__)

_LONGEST_SLEEP_S = 10.0
"""Other controllers' nodes become due without a wake-up here."""
_AFTER_DATABASE_ERROR_S = 1.0


class Engine:
    """The workers of one controller process."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def wake(self) -> None:
        """Say that a node may have become due."""
        self._woken.set()

    def start(self, services: Services) -> None:
        """Free what this controller had claimed when it died, and start the workers."""
        freed = release_all(services.store, services.hostname)
        if freed:
            log.info(
                "going on with %d nodes that were at work when the controller ended", len(freed)
            )
        self._threads = [
            threading.Thread(
                target=self._work, args=(services,), name=f"worker-{number}", daemon=True
            )
            for number in range(services.settings.workers)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self, *, timeout_s: float) -> None:
        """Let every worker end its stage; those that take longer are left to their lease."""
        self._stopping.set()
        self._woken.set()
        for thread in self._threads:
            thread.join(timeout_s / max(1, len(self._threads)))

    def _work(self, services: Services) -> None:
        while not self._stopping.is_set():
            try:
                claim = self._next(services)
                if claim is None:
                    return
                advance(services, claim)
            except SQLAlchemyError:
                log.exception("the database failed; the node is tried again when its claim ends")
                self._stopping.wait(_AFTER_DATABASE_ERROR_S)
            self.wake()

    def _next(self, services: Services) -> Claim | None:
        """Return the next due node, claimed, as soon as there is one; ``None`` = stopping."""
        with self._turn:
            while not self._stopping.is_set():
                self._woken.clear()
                now = services.clock()
                due_at = next_due_at(services.store)
                if due_at is not None and due_at <= now:
                    lease_s = services.settings.claim_lease_s
                    claim = claim_due(services.store, services.hostname, lease_s=lease_s)
                    if claim is not None:
                        return claim
                pause_s = _LONGEST_SLEEP_S if due_at is None else due_at - now
                if self._stopping.is_set():
                    break
                self._woken.wait(min(max(pause_s, 0.001), _LONGEST_SLEEP_S))
        return None
