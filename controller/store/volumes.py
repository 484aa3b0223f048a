"""Storage outside of a node: by what it reaches volumes (connectors), and which ones are its own (targets)."""

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from controller.store.tables import Base, JsonObject


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
