"""Keep volume connectors and volume targets."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "volume_connectors",
        *_common(),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("connector_id", sa.String(length=255), nullable=False),
        *_keys("volume_connectors"),
        sa.UniqueConstraint("type", "connector_id", name=op.f("uq_volume_connectors_type")),
    )
    op.create_index("ix_volume_connectors_node_id", "volume_connectors", ["node_id"])
    op.create_table(
        "volume_targets",
        *_common(),
        sa.Column("volume_type", sa.String(length=64), nullable=False),
        sa.Column("volume_id", sa.String(length=255), nullable=False),
        sa.Column("boot_index", sa.Integer(), nullable=False),
        sa.Column("properties", sa.JSON(none_as_null=True), nullable=False),
        *_keys("volume_targets"),
        sa.UniqueConstraint("node_id", "boot_index", name=op.f("uq_volume_targets_node_id")),
    )


def downgrade() -> None:
    op.drop_table("volume_targets")
    op.drop_table("volume_connectors")


def _common() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("node_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=True),
        sa.Column("extra", sa.JSON(none_as_null=True), nullable=False),
    )


def _keys(table: str) -> tuple[sa.Constraint, ...]:
    return (
        sa.ForeignKeyConstraint(
            ["node_id"], ["nodes.id"], name=op.f(f"fk_{table}_node_id"), ondelete="CASCADE"
        ),
        sa.UniqueConstraint("uuid", name=op.f(f"uq_{table}_uuid")),
    )
