"""Keep inventories and config drives beside the rows of nodes, which SQLite writes whole with every heartbeat."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_TABLES = (
    ("node_inventories", "document", sa.JSON(none_as_null=True), "inventory"),
    ("node_config_drives", "content", sa.Text(), "config_drive"),
)


def upgrade() -> None:
    for table, column, kind, before in _TABLES:
        op.create_table(
            table,
            sa.Column("node_id", sa.Integer(), autoincrement=False, nullable=False),
            sa.Column(column, kind, nullable=False),
            sa.PrimaryKeyConstraint("node_id", name=op.f(f"pk_{table}")),
            sa.ForeignKeyConstraint(
                ["node_id"], ["nodes.id"], name=op.f(f"fk_{table}_node_id"), ondelete="CASCADE"
            ),
        )
        op.execute(
            f"INSERT INTO {table} (node_id, {column}) SELECT id, {before} FROM nodes WHERE {before} IS NOT NULL"
        )
        op.execute(f"ALTER TABLE nodes DROP COLUMN {before}")


def downgrade() -> None:
    raise NotImplementedError("restore the backup of the database that was made before the upgrade")
