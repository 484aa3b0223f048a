"""Images that clients send: in pieces that follow each other, so that a broken upload goes on where it stopped."""

from collections.abc import Callable

from sqlalchemy.orm import Session

from controller.errors import Conflict, Invalid
from controller.images.kept_files import KeptFiles, StoreFull
from controller.store.images import ACTIVE, SAVING, Image, copy_of, get_image
from controller.workflow import image_copies
from controller.workflow.image_keeper import room_for
from controller.workflow.services import Services

_PIECE_BYTES = 1 << 20


def take_piece(
    services: Services,
    ident: str,
    start_byte: int,
    size_bytes: int,
    read: Callable[[int], bytes],
) -> int:
    """Write the next piece of an image; return how many bytes of it are there now.

    Args:
        services: The controller's parts.
        ident: UUID or name of the image.
        start_byte: Where the piece begins; 0 begins anew.
        size_bytes: Of the whole image.
        read: Returns the next bytes of the piece; nothing at its end.

    Raises:
        NotFound: There is no such image.
        Conflict: It is whole, another piece is wanted, somebody else sends it, or there is no room.
        Invalid: The numbers contradict each other.
    """
    if not 0 <= start_byte < size_bytes:
        raise Invalid(f"start_byte {start_byte} is not within the image's {size_bytes} bytes")
    files = KeptFiles(services.settings)
    with services.store.edit() as session:
        image = get_image(session, ident, lock=True)
        _take_place(services, session, image, start_byte)
        image_id, uuid, name = image.id, image.uuid, image.name
    try:
        room_for(services, files, uuid, size_bytes)  # each piece says anew how large the image is
        done_bytes = _write(files, uuid, start_byte, size_bytes, read)
    except StoreFull as error:
        raise Conflict(f"image {name}: {error}") from error
    if not image_copies.note_bytes(services, image_id, done_bytes):
        files.forget(uuid)
        raise Conflict(f"image {name} was deleted while it was sent")
    if done_bytes == size_bytes:
        image_copies.saved(services, image_id, size_bytes)
        services.images_wanted.set()
    return done_bytes


def _take_place(services: Services, session: Session, image: Image, start_byte: int) -> None:
    """Check that this piece is wanted here; a first one begins this controller's copy."""
    copy = copy_of(session, image.id, services.hostname, lock=True)
    if image.status == ACTIVE:
        raise Conflict(
            f"image {image.name} is whole already; delete it, or upload under a new name"
        )
    if image.urls:
        raise Conflict(f"image {image.name} is fetched from its address and cannot be uploaded")
    if copy is None and start_byte:
        raise Conflict(
            f"image {image.name}: {services.hostname} has no part of it; send the pieces to one controller, the first"
            " with start_byte=0"
        )
    if copy is None:
        copy = image_copies.new_copy(services, session, image, is_upload=True)
    if copy.status != SAVING:
        raise Conflict(f"image {image.name} has all of its bytes and is being checked")
    if start_byte not in {0, copy.bytes_done}:
        raise Conflict(
            f"image {image.name}: the next piece begins with byte {copy.bytes_done}, not {start_byte}; or begin anew with 0"
        )
    if start_byte == 0:
        copy.bytes_done = 0


def _write(
    files: KeptFiles, uuid: str, start_byte: int, size_bytes: int, read: Callable[[int], bytes]
) -> int:
    done_bytes = start_byte
    with files.writing(uuid, start_byte) as write:
        while piece := read(_PIECE_BYTES):
            done_bytes += len(piece)
            if done_bytes > size_bytes:
                raise Invalid(
                    f"the piece goes on behind the end of the image, which has {size_bytes} bytes"
                )
            write(piece)
    if done_bytes == start_byte:
        raise Invalid("the piece is empty")
    return done_bytes
