"""One lane's threads: a dispatcher that claims what is due, and a thread for every run of a stage.

The dispatcher alone asks the database, so an idle lane costs one look-up of an index each time something is due, and a busy
one claims many at once. A run that hangs costs a thread and nothing else: it is never waited for.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from sqlalchemy.exc import SQLAlchemyError

from controller.store.claims import Claim, Room, claim_due, next_due_at
from controller.workflow.outage import Outage, is_outage
from controller.workflow.running import Run, Running
from controller.workflow.services import Services

log = logging.getLogger(__name__)

_LONGEST_SLEEP_S = 5.0
_LONGEST_SLEEP_SHARED_S = 1.0
"""Where other controllers write too, whose orders wake nobody here."""
_MOST_AT_ONCE = 16
_AFTER_FAILURE_S = 0.3
_BREATH_S = 0.02
"""Between two claims while much is under way: who ends meanwhile makes room for several at once, for a claim costs as much as a run."""


class Lane:
    """Claims and runs what is due in one lane."""

    def __init__(
        self,
        services: Services,
        name: str,
        most: int,
        *,
        running: Running,
        outage: Outage,
        do: Callable[[Run], None],
        per_s: float | None = None,
    ) -> None:
        """Prepare a lane; no thread runs yet.

        Args:
            services: The controller's parts.
            name: ``workflow`` or ``background``.
            most: Most threads.
            running: Where runs are noted.
            outage: Where failures of the database are noted.
            do: Runs the stage of a claim and stores its outcome.
            per_s: So much is claimed in a second at most, also of what has waited for long; ``None`` = as much as is due.
        """
        self.name = name
        self.claiming = threading.Lock()
        """Held while claims are made and noted, so that none is taken for a forgotten one."""
        self._services = services
        self.most = most
        self._running = running
        self._outage = outage
        self._do = do
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._dispatcher: threading.Thread | None = None
        self._per_s = per_s
        self._rests_until = 0.0
        self._due_at: float | None = None
        """When the next work is due, as the dispatcher has just seen; who makes something due sooner wakes it."""

    def wake(self) -> None:
        """Say that something may have become due, or that there is room again."""
        self._woken.set()

    def keep_alive(self) -> bool:
        """Start the dispatcher if it does not run; true = it had died."""
        if self._stopping.is_set() or (self._dispatcher and self._dispatcher.is_alive()):
            return False
        had_one = self._dispatcher is not None
        self._dispatcher = threading.Thread(
            target=self._dispatch, name=f"dispatcher-{self.name}", daemon=True
        )
        self._dispatcher.start()
        return had_one

    def stop(self) -> None:
        """Claim nothing more."""
        self._stopping.set()
        self._woken.set()
        if self._dispatcher:
            self._dispatcher.join(_LONGEST_SLEEP_S)

    def _dispatch(self) -> None:
        while not self._stopping.is_set():
            try:
                self._woken.clear()
                if self._claim_and_start():
                    self._outage.end()
                else:
                    self._woken.wait(self._pause_s())
                if self._running.count(self.name) >= _MOST_AT_ONCE:
                    self._stopping.wait(_BREATH_S)
            except SQLAlchemyError as error:
                if is_outage(error):
                    self._outage.begin(error)
                else:
                    log.exception("lane %s: nothing could be claimed; trying again", self.name)
                self._stopping.wait(_AFTER_FAILURE_S)

    def _claim_and_start(self) -> bool:
        with self.claiming:
            runs = [self._running.begin(claim) for claim in self._claims()]
        started = [self._start(run) for run in runs]
        return any(started)

    def _start(self, run: Run) -> bool:
        """Give a run its thread; false = the system has no more, and the keeper gives the claim back."""
        name = f"{self.name}-{run.claim.work.id}"
        try:
            threading.Thread(target=self._work, args=(run,), name=name, daemon=True).start()
        except RuntimeError:
            self._running.end(run)
            log.exception("lane %s: a thread could not be started", self.name)
            return False
        return True

    def _claims(self) -> Sequence[Claim]:
        services, room = self._services, self._running.room(self.name, self.most)
        if room.any <= 0 or self._stopping.is_set() or self._rest_s > 0:
            return ()
        due_at = self._due_at = self._next_due_at(room.suspects > 0)
        if due_at is None or due_at > services.steady():
            return ()
        at_work = [run.claim.work.id for run in self._running.all(self.name)]
        some = Room(any=min(room.any, _MOST_AT_ONCE), suspects=room.suspects)
        claims = claim_due(services.store, services.hostname, self.name, some, besides=at_work)
        if self._per_s is not None:
            self._rests_until = time.monotonic() + len(claims) / self._per_s
        return claims

    @property
    def _rest_s(self) -> float:
        """For how long nothing more is claimed, because enough was just now."""
        return self._rests_until - time.monotonic()

    def _pause_s(self) -> float:
        room = self._running.room(self.name, self.most)
        longest_s = _LONGEST_SLEEP_S if self._services.store.is_sqlite else _LONGEST_SLEEP_SHARED_S
        if (rest_s := self._rest_s) > 0:
            return rest_s
        if room.any <= 0 or self._due_at is None:
            return longest_s
        # What is due and could not be claimed is locked by somebody, or its last thread still runs.
        return min(max(self._due_at - self._services.steady(), 0.02), longest_s)

    def _next_due_at(self, with_suspects: bool) -> float | None:
        services = self._services
        return next_due_at(
            services.store, services.hostname, self.name, with_suspects=with_suspects
        )

    def _work(self, run: Run) -> None:
        try:
            self._do(run)
        except (
            BaseException
        ):  # whatever it is, this thread ends in order and its claim is given back by the keeper
            log.exception("%s: an internal error ended the run", run.label or run.claim.work.stage)
        finally:
            self._running.end(run)
            self._woken.set()
