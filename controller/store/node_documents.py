"""What a node has that may be large: what an inspection found, and the config drive of its instance.

Each has a table of its own: SQLite writes a row whole, and a heartbeat writes the node's. ``Node.inventory`` and
``Node.config_drive`` are read and set like columns.
"""

from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, select
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import (
    InstrumentedAttribute,
    Mapped,
    declared_attr,
    mapped_column,
    relationship,
)

from controller.store.base import Base, JsonObject
from controller.store.sealing import SealedLongText

DOCUMENTS = frozenset({"inventory", "config_drive"})
"""What can be set of a node beside its columns."""


class NodeInventory(Base):
    """What the last inspection of a node found."""

    __tablename__ = "node_inventories"

    node_id: Mapped[int] = mapped_column(
        ForeignKey("nodes.id", ondelete="CASCADE"), primary_key=True
    )
    document: Mapped[JsonObject]


class NodeConfigDrive(Base):
    """The config drive of a node's instance."""

    __tablename__ = "node_config_drives"

    node_id: Mapped[int] = mapped_column(
        ForeignKey("nodes.id", ondelete="CASCADE"), primary_key=True
    )
    content: Mapped[str] = mapped_column(SealedLongText("config_drive"))


class WithDocuments:
    """The part of a node that is not in its row; read with the row unless a query says otherwise."""

    id: Mapped[int]

    @declared_attr
    def kept_inventory(cls) -> Mapped[NodeInventory | None]:  # noqa: N805  # SQLAlchemy's way
        """The row of ``inventory``."""
        return relationship(lazy="joined", cascade="all, delete-orphan", passive_deletes=True)

    @declared_attr
    def kept_drive(cls) -> Mapped[NodeConfigDrive | None]:  # noqa: N805
        """The row of ``config_drive``."""
        return relationship(lazy="joined", cascade="all, delete-orphan", passive_deletes=True)

    @hybrid_property
    def inventory(self) -> JsonObject | None:
        """What the last inspection found: ``{"inventory": .., "plugin_data": ..}``; ``None`` = there was none."""
        return self.kept_inventory.document if self.kept_inventory else None

    @inventory.inplace.setter
    def _set_inventory(self, document: JsonObject | None) -> None:
        if document is None or self.kept_inventory is None:
            self.kept_inventory = None if document is None else NodeInventory(document=document)
        else:
            self.kept_inventory.document = document

    @inventory.inplace.expression
    @classmethod
    def _inventory(cls) -> ColumnElement[JsonObject | None]:
        return _of_node(cls, "inventory", NodeInventory.document, NodeInventory.node_id)

    @hybrid_property
    def config_drive(self) -> str | None:
        """The config drive of the instance, gzip + base64 or a URL; never shown. ``None`` = it has none."""
        return self.kept_drive.content if self.kept_drive else None

    @config_drive.inplace.setter
    def _set_config_drive(self, content: str | None) -> None:
        if content is None or self.kept_drive is None:
            self.kept_drive = None if content is None else NodeConfigDrive(content=content)
        else:
            self.kept_drive.content = content

    @config_drive.inplace.expression
    @classmethod
    def _config_drive(cls) -> ColumnElement[str | None]:
        return _of_node(cls, "config_drive", NodeConfigDrive.content, NodeConfigDrive.node_id)

    @hybrid_property
    def has_config_drive(self) -> bool:
        """Whether the instance has a config drive; a query for this alone does not read it."""
        return self.kept_drive is not None

    @has_config_drive.inplace.expression
    @classmethod
    def _has_config_drive(cls) -> ColumnElement[bool]:
        mine = select(NodeConfigDrive.node_id).where(NodeConfigDrive.node_id == cls.id)
        return mine.correlate(cls).exists()


def _of_node(
    node: type[WithDocuments],
    name: str,
    column: InstrumentedAttribute[Any],
    node_id: InstrumentedAttribute[int],
) -> ColumnElement[Any]:
    """Return a column of the node's row in another table under the name that it has of the node, for queries that choose columns."""
    found = select(column).where(node_id == node.id).correlate(node)
    return found.scalar_subquery().label(name)
