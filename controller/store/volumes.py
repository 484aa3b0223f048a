"""Storage outside of a node: by what it reaches volumes (connectors), and which ones are its own (targets)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from controller.store.base import Base, JsonObject


class VolumeConnector(Base):
    """An initiator of a node: an IQN, a WWPN, an address."""

    __tablename__ = "volume_connectors"
    __table_args__ = (UniqueConstraint("type", "connector_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    node_id: Mapped[int] = mapped_column(ForeignKey("nodes.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[float]
    updated_at: Mapped[float | None]
    type: Mapped[str] = mapped_column(String(32))
    connector_id: Mapped[str] = mapped_column(String(255))
    extra: Mapped[JsonObject] = mapped_column(default=dict)


class VolumeTarget(Base):
    """A volume of a node; the one with ``boot_index`` 0 is the one to boot from."""

    __tablename__ = "volume_targets"
    __table_args__ = (UniqueConstraint("node_id", "boot_index"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    node_id: Mapped[int] = mapped_column(ForeignKey("nodes.id", ondelete="CASCADE"))
    created_at: Mapped[float]
    updated_at: Mapped[float | None]
    volume_type: Mapped[str] = mapped_column(String(64))
    volume_id: Mapped[str] = mapped_column(String(255))
    boot_index: Mapped[int]
    properties: Mapped[JsonObject] = mapped_column(default=dict)
    """How it is reached; its secrets are sealed."""
    extra: Mapped[JsonObject] = mapped_column(default=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A volume target as a value."""

    volume_type: str
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Volumes:
    """The volumes of a node."""

    boot: Volume | None
    """The one to boot from, ``boot_index`` 0."""
    others: tuple[Volume, ...]
    """By ``boot_index``."""
    initiator: str | None
    """The node's IQN."""


def volumes_of(session: Session, node_id: int) -> Volumes:
    """Return the volumes of a node, and by what it reaches them."""
    rows = session.scalars(
        select(VolumeTarget)
        .where(VolumeTarget.node_id == node_id)
        .order_by(VolumeTarget.boot_index)
    )
    found = {
        row.boot_index: Volume(volume_type=row.volume_type, properties=row.properties)
        for row in rows
    }
    iqn = (
        select(VolumeConnector.connector_id)
        .where(VolumeConnector.node_id == node_id, VolumeConnector.type == "iqn")
        .order_by(VolumeConnector.id)
    )
    boot = found.pop(0, None)
    return Volumes(boot=boot, others=tuple(found.values()), initiator=session.scalar(iqn.limit(1)))


def forget_targets(session: Session, node_id: int) -> None:
    """Forget the volumes of an instance that has ended."""
    session.execute(delete(VolumeTarget).where(VolumeTarget.node_id == node_id))
