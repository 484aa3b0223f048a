"""Runbooks: steps that administrators keep for others, for the nodes that have one of their traits."""

from typing import Any

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from controller.errors import NotFound
from controller.store.base import Base, JsonObject
from controller.store.confirming import confirm
from controller.store.identity import is_uuid
from controller.store.sealing import SealedList


class Runbook(Base):
    """A named list of steps."""

    __tablename__ = "runbooks"

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    created_at: Mapped[float]
    updated_at: Mapped[float | None]
    name: Mapped[str] = mapped_column(String(255), unique=True)
    description: Mapped[str | None] = mapped_column(String(255))
    steps: Mapped[list[Any]] = mapped_column(SealedList("steps"))
    """``interface``, ``step``, ``args`` and ``order`` (a number) of each."""
    traits: Mapped[list[Any]] = mapped_column(default=list)
    """A node with one of these may use it; sorted."""
    disable_ramdisk: Mapped[bool] = mapped_column(default=False)
    public: Mapped[bool] = mapped_column(default=False)
    owner: Mapped[str | None] = mapped_column(String(255))
    extra: Mapped[JsonObject] = mapped_column(default=dict)


def no_runbook(ident: str) -> NotFound:
    """Return the error for one that is not there, or that is hidden from who asks."""
    return NotFound(f"Runbook {ident} could not be found")


def get_runbook(session: Session, ident: str, *, lock: bool = False) -> Runbook:
    """Return the runbook with this UUID or name.

    Raises:
        NotFound: There is none.
    """
    is_it = Runbook.uuid == ident.lower() if is_uuid(ident) else Runbook.name == ident
    query = select(Runbook).where(is_it)
    found = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if found is None:
        raise no_runbook(ident)
    if lock:
        confirm(found)
    return found
