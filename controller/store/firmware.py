"""What BMCs last told of the firmware of nodes: BIOS settings, and the versions of its parts."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, String, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from controller.store.base import Base


class BiosSetting(Base):
    """A setting of a node's BIOS, and what is known of it."""

    __tablename__ = "bios_settings"
    __table_args__ = (UniqueConstraint("node_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    node_id: Mapped[int] = mapped_column(ForeignKey("nodes.id", ondelete="CASCADE"))
    created_at: Mapped[float]
    updated_at: Mapped[float | None]
    name: Mapped[str] = mapped_column(String(255))
    value: Mapped[str | None] = mapped_column(Text)
    attribute_type: Mapped[str | None] = mapped_column(String(255))
    allowable_values: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    lower_bound: Mapped[int | None] = mapped_column(BigInteger)
    upper_bound: Mapped[int | None] = mapped_column(BigInteger)
    min_length: Mapped[int | None] = mapped_column(BigInteger)
    max_length: Mapped[int | None] = mapped_column(BigInteger)
    read_only: Mapped[bool | None]
    reset_required: Mapped[bool | None]
    unique: Mapped[bool | None]


class FirmwareComponent(Base):
    """A part of a node with firmware of its own."""

    __tablename__ = "firmware_components"
    __table_args__ = (UniqueConstraint("node_id", "component"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    node_id: Mapped[int] = mapped_column(ForeignKey("nodes.id", ondelete="CASCADE"))
    created_at: Mapped[float]
    updated_at: Mapped[float | None]
    component: Mapped[str] = mapped_column(String(255))
    initial_version: Mapped[str | None] = mapped_column(String(255))
    """What it had when it was first seen."""
    current_version: Mapped[str | None] = mapped_column(String(255))
    last_version_flashed: Mapped[str | None] = mapped_column(String(255))
    """What it came to when it was last seen with another version than before."""
    vendor: Mapped[str | None] = mapped_column(String(255))
    model: Mapped[str | None] = mapped_column(String(255))
    serial_number: Mapped[str | None] = mapped_column(String(255))


def keep_bios(
    session: Session, node_id: int, told: Sequence[Mapping[str, Any]], *, at: float
) -> None:
    """Make a node's settings those that were told, by the names of the columns; what is no longer there is forgotten."""
    known = _known(session, BiosSetting, node_id, "name")
    for values in told:
        row = known.pop(values["name"], None)
        if row is None:
            session.add(BiosSetting(node_id=node_id, created_at=at, **values))
        else:
            _change(row, values, at)
    for gone in known.values():
        session.delete(gone)


def keep_components(
    session: Session, node_id: int, told: Sequence[Mapping[str, Any]], *, at: float
) -> None:
    """Keep the versions that were told, by the names of the columns; a part that is not told of is kept as it was."""
    known = _known(session, FirmwareComponent, node_id, "component")
    for values in told:
        row, version = known.get(values["component"]), values["current_version"]
        if row is None:
            first = {**values, "initial_version": version}
            session.add(FirmwareComponent(node_id=node_id, created_at=at, **first))
        elif row.current_version != version:
            _change(row, {**values, "last_version_flashed": version}, at)
        else:
            _change(row, values, at)


def _known(session: Session, table: Any, node_id: int, key: str) -> dict[str, Any]:
    rows = session.scalars(select(table).where(table.node_id == node_id))
    return {getattr(row, key): row for row in rows}


def _change(row: Any, values: Mapping[str, Any], at: float) -> None:
    if all(getattr(row, name) == value for name, value in values.items()):
        return
    for name, value in values.items():
        setattr(row, name, value)
    row.updated_at = at
