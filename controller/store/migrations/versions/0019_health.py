"""Keep what a BMC says of its machine's health."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("nodes", sa.Column("health", sa.String(16)))


def downgrade() -> None:
    raise NotImplementedError("restore the backup of the database that was made before the upgrade")
