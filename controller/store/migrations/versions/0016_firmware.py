"""Keep BIOS settings and the versions of firmware."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bios_settings",
        *_head(),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("attribute_type", sa.String(length=255), nullable=True),
        sa.Column("allowable_values", sa.JSON(none_as_null=True), nullable=True),
        *(
            sa.Column(name, sa.BigInteger(), nullable=True)
            for name in ("lower_bound", "upper_bound", "min_length", "max_length")
        ),
        *(
            sa.Column(name, sa.Boolean(), nullable=True)
            for name in ("read_only", "reset_required", "unique")
        ),
        *_tail("bios_settings", "name"),
    )
    op.create_table(
        "firmware_components",
        *_head(),
        sa.Column("component", sa.String(length=255), nullable=False),
        *(
            sa.Column(name, sa.String(length=255), nullable=True)
            for name in ("initial_version", "current_version", "last_version_flashed")
        ),
        *(
            sa.Column(name, sa.String(length=255), nullable=True)
            for name in ("vendor", "model", "serial_number")
        ),
        *_tail("firmware_components", "component"),
    )


def downgrade() -> None:
    op.drop_table("firmware_components")
    op.drop_table("bios_settings")


def _head() -> tuple[sa.Column[int] | sa.Column[float], ...]:
    return (
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("node_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=True),
    )


def _tail(table: str, key: str) -> tuple[sa.Constraint, ...]:
    return (
        sa.ForeignKeyConstraint(
            ["node_id"], ["nodes.id"], ondelete="CASCADE", name=op.f(f"fk_{table}_node_id_nodes")
        ),
        sa.UniqueConstraint("node_id", key, name=op.f(f"uq_{table}_node_id")),
    )
