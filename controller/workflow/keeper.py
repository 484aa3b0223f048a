"""One thread that keeps the engine alive: beats, takes over what others left, names what is stuck, replaces what died.

It also finds nodes for allocations, once a second.
"""

import logging
import threading
import time
from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError

from controller.store.claims import claim_owners, release
from controller.store.conductors import Serves, Watch, give_name_back, report_alive, take_name
from controller.store.steady_clock import Difference, correction
from controller.store.tables import Conductor
from controller.workflow.allocating import allocate_waiting
from controller.workflow.lane import Lane
from controller.workflow.outage import Outage, is_outage
from controller.workflow.ownership import Controller
from controller.workflow.running import Run, Running
from controller.workflow.services import Services
from controller.workflow.takeover import Takeover

log = logging.getLogger(__name__)

_TICK_S = 1.0
_BEATS_PER_LEASE = 10
_STUCK_TICKS = 10
_HAND_OVER_S = 2.0
_FORGOTTEN_DUE_IN_S = 1.0


class Keeper:
    """Looks after the lanes of one process."""

    def __init__(
        self,
        services: Services,
        lanes: Sequence[Lane],
        running: Running,
        outage: Outage,
        instance: str,
    ) -> None:
        self.has_lost_name = False
        self._services = services
        self._lanes = lanes
        self._running = running
        self._outage = outage
        self._instance = instance
        settings = services.settings
        self._beat_s = settings.claim_lease_s / _BEATS_PER_LEASE
        self._limit_s = settings.longest_stage_s()
        self._watch = Watch(settings.claim_lease_s)
        self._takeover = Takeover(services)
        self._difference: Difference | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._ticked_at = time.monotonic()
        self._beat_at = time.monotonic()

    def take_name(self) -> None:
        """Begin to run under this controller's name."""
        take_name(
            self._services.store,
            self._services.hostname,
            self._instance,
            serves_of(self._services),
        )

    def start(self) -> None:
        """Take over what is ours, then start the lanes and the keeper's thread."""
        self._beat()
        for lane in self._lanes:
            lane.keep_alive()
        self.keep_alive()

    def keep_alive(self) -> None:
        """Start the keeper's thread if it does not run."""
        if self._stopping.is_set() or (self._thread and self._thread.is_alive()):
            return
        if self._thread:
            log.error("the keeper of the engine had died; it is started again")
        self._ticked_at = time.monotonic()
        self._thread = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, and let others have the name and the nodes at once."""
        self._stopping.set()
        if self._thread:
            self._thread.join(_TICK_S + 1)
        try:
            give_name_back(self._services.store, self._services.hostname, self._instance)
            given = self._takeover.hand_over(_HAND_OVER_S)
        except SQLAlchemyError as error:
            log.warning("the name %s could not be given back: %s", self._services.hostname, error)
            return
        if given:
            log.info("%d nodes at which something is to be done were given to others", given)

    def ailments(self) -> list[str]:
        """Return what is wrong, a sentence each."""
        found = [_words(run, self._running) for run in self._stuck()]
        database = self._outage.describe()
        if database:
            found.append(database)
        silent_s = time.monotonic() - self._ticked_at
        if silent_s > _STUCK_TICKS * max(_TICK_S, self._beat_s):
            found.append(f"the engine's keeper has not been heard of for {silent_s:.0f} s")
        return found

    def _keep(self) -> None:
        beat_at = time.monotonic() + self._beat_s
        while not self._stopping.wait(min(_TICK_S, self._beat_s)):
            try:
                self._look_after_threads()
                self._tell_steps()
                allocate_waiting(self._services)
                if time.monotonic() >= beat_at or self._outage.is_on:
                    beat_at = time.monotonic() + self._beat_s
                    self._beat()
                self._ticked_at = time.monotonic()
            except SQLAlchemyError as error:
                if is_outage(error):
                    self._outage.begin(error)
                else:
                    log.exception("the engine's keeper failed; it goes on")
            except RuntimeError:  # no thread could be started: there may be room again in a moment
                log.exception("the engine's keeper could not start a thread; it tries again")
            if self.has_lost_name:
                return

    def _look_after_threads(self) -> None:
        for lane in self._lanes:
            if lane.keep_alive():
                log.error("the dispatcher of lane %s had died; it is started again", lane.name)
            lane.wake()  # a run that became slow a moment ago leaves room for others
        for run in self._stuck():
            if not run.is_named:
                run.is_named = True
                log.error("%s", _words(run, self._running))

    def _stuck(self) -> list[Run]:
        return [run for run in self._running.all() if self._running.seconds(run) > self._limit_s]

    def _tell_steps(self) -> None:
        step_s = self._services.store.steady.notice_step()
        if step_s is not None:
            log.warning(
                "the wall clock went %s by %.0f s (it was set, or this machine was suspended); waits and due times "
                "are not moved by it",
                "forward" if step_s > 0 else "back",
                abs(step_s),
            )

    def _beat(self) -> None:
        store, hostname = self._services.store, self._services.hostname
        lease_s = self._services.settings.claim_lease_s
        rows = report_alive(store, hostname, self._instance, lease_s=lease_s)
        if rows is None:
            self.has_lost_name = True
            return
        if time.monotonic() - self._beat_at > lease_s:
            self._takeover.forget()
        self._beat_at = time.monotonic()
        self._outage.end()
        alone = (
            store.is_sqlite
        )  # its file is one process's: whoever else stands in the table has ended
        rows_here = [row for row in rows if row.hostname == hostname] if alone else list(rows)
        living = self._watch.living(rows_here, time.monotonic())
        self._agree_on_time(living)
        names = {row.hostname for row in living}
        ended = {row.hostname for row in rows} - names
        for owner in sorted(ended & claim_owners(store)):  # names of long ago cost nothing
            if freed := release(store, owner):
                log.warning("%s has ended: %d stages that it was at go on here", owner, freed)
        self._give_back_what_was_forgotten()
        if self._takeover.look([Controller.of(row) for row in living]):
            self._services.wake()

    def _agree_on_time(self, living: Sequence[Conductor]) -> None:
        """Follow the clock of the oldest living controller."""
        mine = next((row for row in living if row.hostname == self._services.hostname), None)
        if mine is None or living[0] is mine or None in {mine.steady_at, living[0].steady_at}:
            self._difference = None
            return
        oldest = living[0]
        ahead_s = (oldest.steady_at or 0) - oldest.seen_at - (mine.steady_at or 0) + mine.seen_at
        shift_s, self._difference = correction(ahead_s, oldest.beat, self._difference)
        if shift_s:
            self._services.store.steady.shift(shift_s)

    def _give_back_what_was_forgotten(self) -> None:
        """Free claims of ours that no thread of ours is at: their making or their end was cut off."""
        locks = [lane.claiming for lane in self._lanes]
        for lock in locks:
            lock.acquire()
        try:
            mine = [run.claim.id for run in self._running.all()]
            store, hostname = self._services.store, self._services.hostname
            besides = [*mine, *self._services.calls]
            release(store, hostname, besides=besides, due_in_s=_FORGOTTEN_DUE_IN_S)
        finally:
            for lock in locks:
                lock.release()


def serves_of(services: Services) -> Serves:
    """Return what this controller can do."""
    return Serves(
        hardware_types=sorted(services.catalog.types),
        conductor_group=services.settings.conductor_group.lower(),
    )


def _words(run: Run, running: Running) -> str:
    return (
        f"{run.label or 'a node'}: stage {run.claim.work.stage} has not come back for "
        f"{running.seconds(run):.0f} s: a driver or the network holds its thread"
    )
