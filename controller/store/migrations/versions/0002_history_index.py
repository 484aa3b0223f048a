"""Find the newest events of a node by one index."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_node_events_node_id_id", "node_events", ["node_id", "id"], unique=False)
    op.drop_index(op.f("ix_node_events_node_id"), table_name="node_events")


def downgrade() -> None:
    op.create_index(op.f("ix_node_events_node_id"), "node_events", ["node_id"], unique=False)
    op.drop_index("ix_node_events_node_id_id", table_name="node_events")
