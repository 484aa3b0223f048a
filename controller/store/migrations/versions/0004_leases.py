"""Keep DHCP leases, names of boot files, and apart what strangers cause."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "leases",
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("mac", sa.String(length=18), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_leases")),
    )
    op.create_index(op.f("ix_leases_mac"), "leases", ["mac"], unique=False)
    op.add_column("nodes", sa.Column("boot_key", sa.String(length=36), nullable=True))
    op.create_index(op.f("ix_nodes_boot_key"), "nodes", ["boot_key"], unique=True)
    op.add_column(
        "node_events",
        sa.Column("is_foreign", sa.Boolean(), nullable=False, server_default=sa.false()),
    )


def downgrade() -> None:
    with op.batch_alter_table("node_events") as table:
        table.drop_column("is_foreign")
    op.drop_index(op.f("ix_nodes_boot_key"), table_name="nodes")
    with op.batch_alter_table("nodes") as table:
        table.drop_column("boot_key")
    op.drop_index(op.f("ix_leases_mac"), table_name="leases")
    op.drop_table("leases")
