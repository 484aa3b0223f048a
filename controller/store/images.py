"""Images of the controllers' own store: what they are, and which controller has a copy of which."""

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, String, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from controller.errors import NotFound
from controller.store.base import Base, JsonObject
from controller.store.identity import is_uuid
from controller.store.sealing import SealedWhole

QUEUED, SAVING, CHECKING, ACTIVE, FAILED = "queued", "saving", "checking", "active", "failed"
"""States of an image; a copy has those from ``saving`` on. Bytes come, they are hashed, they can be deployed."""


class Image(Base):
    """An image that nodes name in ``instance_info.image_source``."""

    __tablename__ = "images"

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    name: Mapped[str] = mapped_column(String(255), unique=True)
    created_at: Mapped[float]
    updated_at: Mapped[float | None]
    status: Mapped[str] = mapped_column(String(16), default=QUEUED)
    last_error: Mapped[str | None] = mapped_column(Text)
    urls: Mapped[list[Any]] = mapped_column(SealedWhole("urls"), default=list)
    """Where it comes from, mirrors of one file; a login or a signature may be in them. Empty = it was uploaded."""
    os_hash_algo: Mapped[str] = mapped_column(String(16), default="sha256")
    os_hash_value: Mapped[str | None] = mapped_column(String(128))
    """Given by the operator, or found once; ``None`` = not known yet."""
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    disk_format: Mapped[str | None] = mapped_column(String(16))
    extra: Mapped[JsonObject] = mapped_column(default=dict)


class ImageCopy(Base):
    """A controller's copy of an image, whole or on its way."""

    __tablename__ = "image_copies"
    __table_args__ = (UniqueConstraint("image_id", "conductor"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"))
    conductor: Mapped[str] = mapped_column(String(255), index=True)
    url: Mapped[str] = mapped_column(Text)
    """Where machines get it from."""
    status: Mapped[str] = mapped_column(String(16), default=SAVING)
    bytes_done: Mapped[int] = mapped_column(BigInteger, default=0)
    """How much of it is on the controller's disk."""
    is_upload: Mapped[bool] = mapped_column(default=False)
    """A client sends it; otherwise the controller fetches it."""
    used_at: Mapped[float]
    """When a deployment asked for it last."""


def get_image(session: Session, ident: str, *, lock: bool = False) -> Image:
    """Return the image with this UUID or name.

    Raises:
        NotFound: There is none.
    """
    is_it = Image.uuid == ident.lower() if is_uuid(ident) else Image.name == ident
    query = select(Image).where(is_it)
    found = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if found is None:
        raise NotFound(f"Image {ident} could not be found")
    return found


def copy_of(
    session: Session, image_id: int, conductor: str, *, lock: bool = False
) -> ImageCopy | None:
    """Return a controller's copy of an image; ``None`` = it has none."""
    query = select(ImageCopy).where(
        ImageCopy.image_id == image_id, ImageCopy.conductor == conductor
    )
    return session.scalars(query.with_for_update() if lock else query).one_or_none()


def whole_copies(session: Session, image_id: int) -> tuple[ImageCopy, ...]:
    """Return the copies that can be deployed from, those first that were used last."""
    query = select(ImageCopy).where(ImageCopy.image_id == image_id, ImageCopy.status == ACTIVE)
    return tuple(session.scalars(query.order_by(ImageCopy.used_at.desc(), ImageCopy.id)))


def copies_on(session: Session, conductor: str) -> tuple[tuple[ImageCopy, Image], ...]:
    """Return every copy of a controller with its image, the oldest first."""
    query = select(ImageCopy, Image).join(Image, Image.id == ImageCopy.image_id)
    rows = session.execute(query.where(ImageCopy.conductor == conductor).order_by(ImageCopy.id))
    return tuple((copy, image) for copy, image in rows)
