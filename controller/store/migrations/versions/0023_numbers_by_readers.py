"""Let notifications be written without a number, which their readers give them: writers wait for each other no longer."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_COPIED = "number, message_id, at, event_type, priority, publisher, node_uuid, owner, lessee, payload"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _make_anew()
    else:
        op.drop_constraint(op.f("pk_notifications"), "notifications")
        op.execute(
            "ALTER TABLE notifications ADD COLUMN id BIGSERIAL CONSTRAINT pk_notifications PRIMARY KEY"
        )
        op.execute("ALTER TABLE notifications ALTER COLUMN number DROP NOT NULL")
    op.create_index(op.f("ix_notifications_number"), "notifications", ["number"], unique=True)


def _make_anew() -> None:
    """SQLite counts by itself only in a primary key that is the only one and was there from the beginning."""
    op.drop_index(op.f("ix_notifications_node_uuid"), "notifications")
    op.rename_table("notifications", "notifications_before")
    op.create_table(
        "notifications",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger()),
        sa.Column("message_id", sa.String(36), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("event_type", sa.String(100), nullable=False),
        sa.Column("priority", sa.String(16), nullable=False),
        sa.Column("publisher", sa.String(300), nullable=False),
        sa.Column("node_uuid", sa.String(36), nullable=False),
        sa.Column("owner", sa.String(255)),
        sa.Column("lessee", sa.String(255)),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
    )
    op.execute(
        f"INSERT INTO notifications (id, {_COPIED}) SELECT number, {_COPIED} FROM notifications_before"  # noqa: S608  # names of our own
    )
    op.drop_table("notifications_before")
    op.create_index(op.f("ix_notifications_node_uuid"), "notifications", ["node_uuid"])


def downgrade() -> None:
    raise NotImplementedError("restore the backup of the database that was made before the upgrade")
