"""Tell one process with a controller's name from the next."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("conductors", sa.Column("instance", sa.String(length=36), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("conductors") as table:
        table.drop_column("instance")
