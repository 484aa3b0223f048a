"""Keep chassis; which BMC drivers a controller has is no longer told apart from its hardware types."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "chassis",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=True),
        sa.Column("description", sa.String(length=255), nullable=True),
        sa.Column("extra", sa.JSON(none_as_null=True), nullable=False),
        sa.UniqueConstraint("uuid", name=op.f("uq_chassis_uuid")),
    )
    op.create_index("ix_nodes_chassis_uuid", "nodes", ["chassis_uuid"])
    op.drop_column("conductors", "drivers")


def downgrade() -> None:
    op.add_column(
        "conductors", sa.Column("drivers", sa.JSON(), nullable=False, server_default="[]")
    )
    op.drop_index("ix_nodes_chassis_uuid", "nodes")
    op.drop_table("chassis")
