"""Chassis: groups of nodes, for people; what is in one says so itself (``nodes.chassis_uuid``)."""

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from controller.errors import NotFound
from controller.store.base import Base, JsonObject
from controller.store.identity import is_uuid
from controller.store.tables import Node


class Chassis(Base):
    """A group of nodes."""

    __tablename__ = "chassis"

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    created_at: Mapped[float]
    updated_at: Mapped[float | None]
    description: Mapped[str | None] = mapped_column(String(255))
    extra: Mapped[JsonObject] = mapped_column(default=dict)


def no_chassis(ident: str) -> NotFound:
    """Return the error for one that is not there, or that is hidden from who asks."""
    return NotFound(f"Chassis {ident} could not be found")


def get_chassis(session: Session, ident: str, *, lock: bool = False) -> Chassis:
    """Return the chassis with this UUID.

    Raises:
        NotFound: There is none.
    """
    query = select(Chassis).where(Chassis.uuid == ident.lower())
    found = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if found is None or not is_uuid(ident):
        raise no_chassis(ident)
    return found


def has_nodes(session: Session, chassis: Chassis) -> bool:
    """Say whether a node is in the chassis."""
    query = select(Node.id).where(Node.chassis_uuid == chassis.uuid)
    return session.scalar(query.limit(1)) is not None
