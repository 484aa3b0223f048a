"""Keep port groups, and whether a port may become a member of one that is made for it."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "portgroups",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("node_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=True),
        sa.Column("name", sa.String(length=255), nullable=True),
        sa.Column("address", sa.String(length=18), nullable=True),
        sa.Column("mode", sa.String(length=255), nullable=True),
        sa.Column("properties", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("standalone_ports_supported", sa.Boolean(), nullable=False),
        sa.Column("physical_network", sa.String(length=64), nullable=True),
        sa.Column("category", sa.String(length=80), nullable=True),
        sa.Column("dynamic_portgroup", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("extra", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("internal_info", sa.JSON(none_as_null=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["node_id"], ["nodes.id"], name=op.f("fk_portgroups_node_id"), ondelete="CASCADE"
        ),
        *(
            sa.UniqueConstraint(name, name=op.f(f"uq_portgroups_{name}"))
            for name in ("uuid", "name", "address")
        ),
    )
    op.create_index("ix_portgroups_node_id", "portgroups", ["node_id"])
    op.create_index("ix_ports_portgroup_uuid", "ports", ["portgroup_uuid"])
    op.add_column(
        "ports",
        sa.Column(
            "available_for_dynamic_portgroup",
            sa.Boolean(),
            nullable=False,
            server_default=sa.true(),
        ),
    )


def downgrade() -> None:
    op.drop_column("ports", "available_for_dynamic_portgroup")
    op.drop_index("ix_ports_portgroup_uuid", "ports")
    op.drop_table("portgroups")
