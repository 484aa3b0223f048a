"""Say in a node's history whom something was done for."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("node_events", sa.Column("user", sa.String(length=255), nullable=True))
    op.add_column("node_events", sa.Column("project", sa.String(length=255), nullable=True))


def downgrade() -> None:
    op.drop_column("node_events", "project")
    op.drop_column("node_events", "user")
