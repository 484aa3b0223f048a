"""What changes in the tables when a controller's copy of an image comes, is found right, fails or goes."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from controller.boot.urls import image_url
from controller.images.room import Kept
from controller.store.images import (
    ACTIVE,
    CHECKING,
    FAILED,
    SAVING,
    Image,
    ImageCopy,
    copies_on,
    copy_of,
    whole_copies,
)
from controller.workflow.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A copy that is to be fetched or checked, as it stood."""

    image_id: int
    uuid: str
    name: str
    urls: Sequence[str]
    """Other controllers' copies first."""
    algorithm: str
    digest: str | None
    size_bytes: int | None
    is_saved: bool
    """All bytes are there."""
    bytes_done: int


def new_copy(services: Services, session: Session, image: Image, *, is_upload: bool) -> ImageCopy:
    """Note that this controller begins a copy."""
    copy = ImageCopy(
        image_id=image.id,
        conductor=services.hostname,
        url=image_url(services.settings, image.uuid),
        status=SAVING,
        bytes_done=0,
        is_upload=is_upload,
        used_at=services.clock(),
    )
    session.add(copy)
    if image.status != ACTIVE:
        image.status, image.last_error = SAVING, None
    session.flush()
    return copy


def jobs(services: Services) -> tuple[Job, ...]:
    """Return what this controller has to fetch or to check, the oldest first."""
    with services.store.read() as session:
        return tuple(
            _job(session, copy, image)
            for copy, image in copies_on(session, services.hostname)
            if copy.status == CHECKING or (copy.status == SAVING and not copy.is_upload)
        )


def _job(session: Session, copy: ImageCopy, image: Image) -> Job:
    others = (one.url for one in whole_copies(session, image.id))
    return Job(
        image_id=image.id,
        uuid=image.uuid,
        name=image.name,
        urls=(*others, *image.urls),
        algorithm=image.os_hash_algo,
        digest=image.os_hash_value,
        size_bytes=image.size_bytes,
        is_saved=copy.status == CHECKING,
        bytes_done=copy.bytes_done,
    )


def note_bytes(services: Services, image_id: int, bytes_done: int) -> bool:
    """Note how far a copy is; false = nobody wants it any more."""
    with services.store.edit() as session:
        copy = copy_of(session, image_id, services.hostname, lock=True)
        if copy is not None:
            copy.bytes_done = bytes_done
        return copy is not None


def saved(services: Services, image_id: int, size_bytes: int) -> None:
    """Note that all bytes are there and are to be checked."""
    with services.store.edit() as session:
        copy = copy_of(session, image_id, services.hostname, lock=True)
        image = session.get(Image, image_id, with_for_update=True)
        if copy is None or image is None:
            return
        copy.status, copy.bytes_done = CHECKING, size_bytes
        image.last_error = None
        if image.status != ACTIVE:
            image.status = CHECKING


def found_right(services: Services, job: Job, digest: str, size_bytes: int) -> bool:
    """Note that a copy can be deployed from; false = nobody wants it any more."""
    with services.store.edit() as session:
        copy = copy_of(session, job.image_id, services.hostname, lock=True)
        image = session.get(Image, job.image_id, with_for_update=True)
        if copy is None or image is None:
            return False
        copy.status, copy.bytes_done = ACTIVE, size_bytes
        image.status, image.last_error = ACTIVE, None
        image.os_hash_value, image.size_bytes = digest, size_bytes
        image.updated_at = services.clock()
        return True


def failed(services: Services, image_id: int, reason: str) -> None:
    """Give a copy up; the image itself has failed only if it never was whole."""
    with services.store.edit() as session:
        copy = copy_of(session, image_id, services.hostname, lock=True)
        image = session.get(Image, image_id, with_for_update=True)
        if copy is not None:
            session.delete(copy)
        if image is None:
            return
        image.last_error, image.updated_at = reason, services.clock()
        if image.status != ACTIVE:
            image.status = FAILED


def put_off(services: Services, image_id: int, reason: str) -> None:
    """Say on an image why its copy does not come on for now."""
    with services.store.edit() as session:
        image = session.get(Image, image_id, with_for_update=True)
        if image is not None and image.last_error != reason:
            image.last_error, image.updated_at = reason, services.clock()


def kept(services: Services) -> tuple[Kept, ...]:
    """Return what this controller's store holds."""
    with services.store.read() as session:
        return tuple(
            Kept(
                uuid=image.uuid,
                name=image.name,
                size_bytes=max(copy.bytes_done, image.size_bytes or 0),
                used_at=copy.used_at,
                can_go=copy.status == ACTIVE and _is_elsewhere(session, copy, image),
            )
            for copy, image in copies_on(session, services.hostname)
        )


def _is_elsewhere(session: Session, copy: ImageCopy, image: Image) -> bool:
    return bool(image.urls) or any(one.id != copy.id for one in whole_copies(session, image.id))


def drop(services: Services, uuids: Sequence[str]) -> tuple[str, ...]:
    """Forget copies of this controller; return those that may go indeed, so that their files can.

    One that has become the last copy of an upload meanwhile stays.
    """
    gone: list[str] = []
    with services.store.edit() as session:
        for copy, image in copies_on(session, services.hostname):
            if image.uuid in uuids and _is_elsewhere(session, copy, image):
                session.delete(copy)
                gone.append(image.uuid)
    return tuple(gone)


def lost(services: Services, uuids: Sequence[str]) -> None:
    """Note that the files of whole copies are not there any more."""
    with services.store.edit() as session:
        for copy, image in copies_on(session, services.hostname):
            if image.uuid not in uuids or copy.status != ACTIVE:
                continue
            if not _is_elsewhere(session, copy, image):
                image.status = FAILED
                image.last_error = (
                    f"its file is not in the image store of {services.hostname} any more, and it is nowhere else;"
                    " upload it again"
                )
            session.delete(copy)
