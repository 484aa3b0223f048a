"""The log of what others are notified of: numbered in the order in which it became true, and bounded.

A notification is written in the transaction that it tells of, so that neither is there without the other. It has no number
then: ``notification_numbers.py``.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import BigInteger, Integer, String, Table, Text
from sqlalchemy.orm import Mapped, Session, mapped_column

from controller.store.base import Base

RESTORE_LEAP = 100_000_000
"""So many numbers are left out when a backup is restored: what was given after it was made is not given again."""


class Notification(Base):
    """Something that happened, as it is told; the columns beside ``payload`` say who may read it."""

    __tablename__ = "notifications"

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer(), "sqlite"), primary_key=True
    )
    """Rises with each that is written; one that is committed later may have the lower one."""
    number: Mapped[int | None] = mapped_column(BigInteger, index=True, unique=True)
    """By which readers know how far they are; nothing as long as nobody has read it."""
    message_id: Mapped[str] = mapped_column(String(36))
    at: Mapped[float]
    event_type: Mapped[str] = mapped_column(String(100))
    priority: Mapped[str] = mapped_column(String(16))
    publisher: Mapped[str] = mapped_column(String(300))
    node_uuid: Mapped[str] = mapped_column(String(36), index=True)
    """Of the node that it is about, or whose thing it is about; empty = of none."""
    owner: Mapped[str | None] = mapped_column(String(255))
    """The node's, or that of what is nobody's but its own, when it happened; ``lessee`` is the node's."""
    lessee: Mapped[str | None] = mapped_column(String(255))
    payload: Mapped[str] = mapped_column(Text)
    """JSON, with its secrets masked."""


class NotificationCounter(Base):
    """The last number that was given: one row, or none before the first."""

    __tablename__ = "notification_counters"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int] = mapped_column(BigInteger)


class WebhookPlace(Base):
    """How far the target of a webhook has been told."""

    __tablename__ = "webhook_places"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    place: Mapped[int] = mapped_column(BigInteger)
    """The number of the last notification that is done with."""


NOTIFICATION_TABLE = cast("Table", Notification.__table__)
_INSERT = NOTIFICATION_TABLE.insert().inline()


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A notification that is not written yet."""

    event_type: str
    priority: str
    node_uuid: str
    owner: str | None
    lessee: str | None
    payload: str


def append(session: Session, made: Sequence[Made], *, publisher: str, at: float) -> None:
    """Write notifications; the last thing that a transaction does before it commits, when it has locked what they tell of.

    Args:
        session: A session of ``Store.edit``.
        made: In their order.
        publisher: Who tells.
        at: Seconds since the epoch.
    """
    rows = [
        {
            "message_id": str(uuid.uuid4()),
            "at": at,
            "event_type": one.event_type,
            "priority": one.priority,
            "publisher": publisher,
            "node_uuid": one.node_uuid,
            "owner": one.owner,
            "lessee": one.lessee,
            "payload": one.payload,
        }
        for one in made
    ]
    session.connection().execute(_INSERT, rows if len(rows) > 1 else rows[0])
