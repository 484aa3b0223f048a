"""Brings images into this controller's store and keeps it in order: fetches, checks, lets go, forgets what was deleted.

At most ``_MOST_AT_ONCE`` threads, one for an image: a source that drips delays nobody else's image before all of them drip, and
each request to it has a deadline.
"""

import logging
import threading
import time
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from controller.errors import Conflict
from controller.images.fetching import FetchFailed, Patience, Target, fetch
from controller.images.kept_files import PART, Interrupted, KeptFiles, StoreFull
from controller.images.room import Room, make_room
from controller.store.images import ACTIVE, copies_on
from controller.workflow import image_copies
from controller.workflow.image_copies import Job
from controller.workflow.services import Services

log = logging.getLogger(__name__)

_MOST_AT_ONCE = 4
_LOOK_S = 5.0
_SOON_S = 0.3
_TIDY_S = 60.0
_LOOKS_WHEN_WOKEN = 2
"""Who wakes has not committed yet, maybe: the second look sees what the first did not."""
_MIB = 1 << 20


class ImageKeeper:
    """The image store's threads in one controller process."""

    def __init__(self, services: Services) -> None:
        """Prepare; nothing runs yet."""
        self._services = services
        self._files = KeptFiles(services.settings)
        self._stopping = threading.Event()
        self._at_work: dict[int, threading.Thread] = {}
        self._thread: threading.Thread | None = None

    def keep_alive(self) -> None:
        """Start the thread that gives the others their work, if it does not run."""
        if self._stopping.is_set() or (self._thread and self._thread.is_alive()):
            return
        if self._thread:
            log.error("the image keeper's thread had died; it is started again")
        self._thread = threading.Thread(target=self._keep, name="images", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End soon; what is on its way goes on from there after the next start."""
        self._stopping.set()
        self._services.images_wanted.set()
        ends_at = time.monotonic() + timeout_s
        for thread in (self._thread, *self._at_work.values()):
            if thread is not None and thread.is_alive():
                thread.join(max(0.0, ends_at - time.monotonic()))

    def _keep(self) -> None:
        tidied_at, looks = -_TIDY_S, 0
        while not self._stopping.is_set():
            self._services.images_wanted.clear()
            try:
                if looks or time.monotonic() - tidied_at >= _TIDY_S:
                    looks = max(0, looks - 1)
                    self._tidy()
                    tidied_at = time.monotonic()
                self._begin()
            except (SQLAlchemyError, OSError):
                log.exception("the image store could not be looked after; it is tried again")
            if self._services.images_wanted.wait(_SOON_S if looks else _LOOK_S):
                looks = _LOOKS_WHEN_WOKEN

    def _begin(self) -> None:
        self._at_work = {key: one for key, one in self._at_work.items() if one.is_alive()}
        for job in image_copies.jobs(self._services):
            if len(self._at_work) >= _MOST_AT_ONCE or self._stopping.is_set():
                return
            if job.image_id in self._at_work:
                continue
            name = f"image-{job.image_id}"
            thread = threading.Thread(target=self._work, args=(job,), name=name, daemon=True)
            thread.start()
            self._at_work[job.image_id] = thread

    def _work(self, job: Job) -> None:
        """Do what an image needs; when the database does not answer, it is done again with a later look."""
        try:
            self._bring_on(job)
        except SQLAlchemyError:
            log.exception("image %s: the database does not answer; it is tried again", job.name)

    def _bring_on(self, job: Job) -> None:
        """Fetch and check an image; a failure is written where people look."""
        try:
            if job.is_saved:
                self._check(job)
            else:
                image_copies.saved(self._services, job.image_id, self._fetch(job))
                self._services.images_wanted.set()
        except Interrupted:
            log.info("image %s: interrupted", job.name)
        except (FetchFailed, StoreFull) as error:
            self._give_up(job, str(error))
        except Conflict as error:  # another process writes this very file
            log.warning("image %s is put off: %s", job.name, error)
            image_copies.put_off(self._services, job.image_id, f"{error}; it is tried again")
        except OSError as error:
            self._give_up(job, f"the image store's disk fails: {error.strerror}")

    def _fetch(self, job: Job) -> int:
        settings = self._services.settings
        if not job.urls:
            raise FetchFailed("it has no address, and no controller has a copy; upload it again")
        target = Target(
            writing=partial(self._files.writing, job.uuid),
            expect=partial(self._make_room, job),
            note=partial(self._note, job),
            most_bytes=self._most_bytes(job),
        )
        patience = Patience(
            piece_s=settings.image_fetch_piece_s,
            whole_s=settings.image_fetch_whole_s,
            sleep=self._stopping.wait,
        )
        there_bytes = min(job.bytes_done, self._files.present().get(job.uuid + PART, 0))
        is_known = job.digest is not None
        return fetch(job.urls, there_bytes, target, patience, is_known=is_known)

    def _note(self, job: Job, bytes_done: int) -> bool:
        is_wanted = image_copies.note_bytes(self._services, job.image_id, bytes_done)
        return is_wanted and not self._stopping.is_set()

    def _make_room(self, job: Job, size_bytes: int) -> None:
        room_for(self._services, self._files, job.uuid, size_bytes)

    def _most_bytes(self, job: Job) -> int:
        """Return how many bytes a server may send whose file has no length."""
        settings, there = self._services.settings, self._files.present()
        room = self._files.free_bytes() - settings.image_store_free_mib * _MIB
        room += there.get(job.uuid + PART, 0)
        if settings.image_store_mib:
            room = min(room, settings.image_store_mib * _MIB)
        return max(room, 1)

    def _check(self, job: Job) -> None:
        """Read a file back, and let it be deployed if it is the one that was meant."""
        try:
            digest, size_bytes = self._files.digest(
                job.uuid, job.algorithm, lambda: not self._stopping.is_set()
            )
        except FileNotFoundError:
            self._give_up(job, "its file has vanished from the image store; register it again")
            return
        if job.digest is not None and job.digest != digest:
            self._give_up(
                job,
                f"its {job.algorithm} is {digest}, not {job.digest} as expected ({size_bytes} bytes): the source has another"
                " file, or the checksum is of another one",
            )
            return
        if size_bytes == 0:
            self._give_up(job, "its file is empty")
            return
        self._files.finish(job.uuid)
        if image_copies.found_right(self._services, job, digest, size_bytes):
            log.info("image %s: in the store, %d bytes, %s", job.name, size_bytes, digest)
        else:
            self._files.forget(job.uuid)

    def _give_up(self, job: Job, reason: str) -> None:
        log.warning("image %s cannot be kept: %s", job.name, reason)
        image_copies.failed(self._services, job.image_id, reason)
        self._files.forget(job.uuid)

    def _tidy(self) -> None:
        """Forget files that no image has, and copies whose file is gone.

        The table is read before and after the folder: what comes or is finished in between is neither.
        """
        before, there, after = self._rows(), self._files.present(), self._rows()
        for name in there:
            uuid = name.removesuffix(PART)
            if uuid not in before and uuid not in after:
                log.info("image store: %s belongs to no image any more and goes", name)
                self._files.remove(name)
        gone = [uuid for uuid, status in before.items() if status == ACTIVE and uuid not in there]
        if gone:
            log.warning("image store: the files of %s are not there any more", ", ".join(gone))
            image_copies.lost(self._services, gone)

    def _rows(self) -> dict[str, str]:
        with self._services.store.read() as session:
            rows = copies_on(session, self._services.hostname)
            return {image.uuid: copy.status for copy, image in rows}


def room_for(services: Services, files: KeptFiles, uuid: str, size_bytes: int) -> None:
    """Have room in the store for an image of this size; a part of it may be there.

    Raises:
        StoreFull: There is not enough, whatever is let go.
    """
    settings = services.settings
    there_bytes = min(files.present().get(uuid + PART, 0), size_bytes)
    room = Room(
        most_bytes=settings.image_store_mib * _MIB,
        free_bytes=files.free_bytes() + there_bytes,
        left_free_bytes=settings.image_store_free_mib * _MIB,
    )
    others = [copy for copy in image_copies.kept(services) if copy.uuid != uuid]
    for one in image_copies.drop(services, make_room(size_bytes, others, room)):
        log.info("image store: %s gives way to %s", one, uuid)
        files.forget(one)
