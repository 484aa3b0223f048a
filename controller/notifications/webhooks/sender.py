"""Tells one target, with a thread of its own: whoever is slow or dead holds up nobody else."""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from controller.notifications.document import envelope, fits
from controller.notifications.webhooks.place import Place, held_place
from controller.notifications.webhooks.signature import signed_headers
from controller.notifications.webhooks.targets import Target
from controller.notifications.webhooks.verdict import Tried, Verdict, pause_s, verdict
from controller.peers.http import Answer, Limits, PeerFailed, PeerHttp, to_agent, to_image_server
from controller.store.database import Store
from controller.store.notification_log import Told, missing, read_after

log = logging.getLogger(__name__)

_PAGE = 100
_LOOK_S = 1.0
_REST_S = 60.0
_TRY_AGAIN_S = 5.0
_STOP_S = 2.0
_MOST_ANSWER_BYTES = 64 * 1024
_JITTER = 0.25
Note = Callable[[str, str, int], None]
"""Counts what became of notifications: the target's name, ``sent``, ``failed`` (a call), ``given_up`` or ``lost``, and how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Times in seconds; ``timeout_s``: of one call, ``give_up_s``: of one notification."""

    timeout_s: float
    give_up_s: float


class WebhookSender:
    """The thread of one target."""

    def __init__(self, store: Store, target: Target, bounds: Bounds, note: Note) -> None:
        """Prepare; nothing runs yet."""
        self._store, self._target, self._bounds, self._note = store, target, bounds, note
        self._bell, self._stopping = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._is_failing = False
        store.notifier.rings.append(self._bell.set)

    def keep_alive(self) -> None:
        """Start the thread, if it does not run."""
        if self._stopping.is_set() or (self._thread and self._thread.is_alive()):
            return
        if self._thread:
            log.error("the thread of webhook %s had died; it is started again", self._target.name)
        name = f"webhook {self._target.name}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Have the thread end after the call that it is at."""
        self._stopping.set()
        self._bell.set()

    def join(self) -> None:
        """Wait for it a little: what is not noted is sent again."""
        if self._thread:
            self._thread.join(_STOP_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with (
                    _door(self._target) as door,
                    held_place(self._store, self._target.name) as place,
                ):
                    if place is not None:
                        self._tell(door, place)
            except SQLAlchemyError as error:
                words = str(error).partition("\n")[0]
                log.warning("webhook %s waits for the database: %s", self._target.name, words)
            except Exception:  # whatever it is, it is tried again
                log.exception("webhook %s met a fault; it goes on", self._target.name)
            self._stopping.wait(_TRY_AGAIN_S)

    def _tell(self, door: PeerHttp, place: Place) -> None:
        """Send what comes, for as long as the target is ours."""
        number = place.number
        while not self._stopping.is_set():
            self._bell.clear()
            rows = read_after(self._store, number, _PAGE)
            if not rows:
                place.check()
                self._bell.wait(_REST_S if self._store.is_sqlite else _LOOK_S)
                continue
            self._note_lost(number, rows)
            for row in self._wanted(rows):
                if not self._deliver(door, place, row):
                    return
                place.save(row.number)
            number = rows[-1].number
            place.save(number)

    def _wanted(self, rows: Sequence[Told]) -> Iterator[Told]:
        """Give those that are to be sent; while the target takes none, those that are too old by now are not tried."""
        too_old = 0
        for row in rows:
            if not fits(self._target.types, row.event_type):
                continue
            if self._is_failing and time.time() - row.at > self._bounds.give_up_s:
                too_old += 1
            else:
                yield row
        if too_old:
            log.error(
                "webhook %s: %d more notifications are given up, which are older than %g s",
                self._target.name,
                too_old,
                self._bounds.give_up_s,
            )
            self._note(self._target.name, "given_up", too_old)

    def _note_lost(self, number: int, rows: Sequence[Told]) -> None:
        lost = missing(number, rows)
        if lost > 0:
            log.warning(
                "webhook %s was behind for so long that %d notifications between %d and %d are not stored any more"
                " (notification_entries, notification_days); it goes on with the others",
                self._target.name,
                lost,
                number,
                rows[-1].number,
            )
            self._note(self._target.name, "lost", lost)

    def _deliver(self, door: PeerHttp, place: Place, row: Told) -> bool:
        """Send one until it is taken or given up; false = the controller ends before."""
        body, tries = envelope(row), 0
        while not self._stopping.is_set():
            tries += 1
            answer, words = self._call(door, row, body)
            tried = Tried(tries=tries, age_s=time.time() - row.at)
            found = verdict(answer, tried, self._bounds.give_up_s)
            if found is Verdict.TAKEN:
                self._taken()
                return True
            self._note(self._target.name, "failed", 1)
            if found is Verdict.GIVEN_UP:
                self._given_up(row, tries, words)
                return True
            wait_s = pause_s(answer, tries) * random.uniform(1 - _JITTER, 1)  # noqa: S311  # no secret
            self._failing(row, words, wait_s)
            if self._stopping.wait(wait_s):
                break
            place.check()
        return False

    def _call(self, door: PeerHttp, row: Told, body: bytes) -> tuple[Answer | None, str]:
        """Return the answer, if there was one, and what it was in words."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "ingot",
            **signed_headers(self._target.secret, row.message_id, int(time.time()), body),
        }
        limits = Limits(total_s=self._bounds.timeout_s, most_bytes=_MOST_ANSWER_BYTES)
        try:
            answer = door.call("POST", self._target.url, limits, headers=headers, body=body)
        except PeerFailed as error:
            return None, str(error)
        return answer, f"answers {answer.status} {answer.reason}".rstrip()

    def _taken(self) -> None:
        if self._is_failing:
            log.info("webhook %s takes notifications again", self._target.name)
        self._is_failing = False
        self._note(self._target.name, "sent", 1)

    def _failing(self, row: Told, words: str, wait_s: float) -> None:
        if not self._is_failing:
            log.warning(
                "webhook %s: its target %s; notification %d is sent again in %.0f s and then less often, for %g s at most",
                self._target.name,
                words,
                row.number,
                wait_s,
                self._bounds.give_up_s,
            )
        self._is_failing = True

    def _given_up(self, row: Told, tries: int, words: str) -> None:
        log.error(
            "webhook %s: notification %d (%s of %s) is given up after %d tries: its target %s",
            self._target.name,
            row.number,
            row.event_type,
            f"node {row.node_uuid}" if row.node_uuid else "no node",
            tries,
            words,
        )
        self._note(self._target.name, "given_up", 1)


def _door(target: Target) -> PeerHttp:
    """Return connections to a target: directly where it has an authority of its own, else as the environment says."""
    if target.trusted_pem is not None:
        return to_agent(target.trusted_pem)
    return to_image_server(target.url)
