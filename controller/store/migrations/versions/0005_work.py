"""What is to be done becomes rows of its own; nodes get an owner, controllers a beat.

Workflows that are under way move over. Columns are dropped one by one, not by making the table anew: SQLite would
delete the ports and histories that refer to it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_INDEXES = ("ix_nodes_due_at", "ix_nodes_claim_expires_at")
_COLUMNS = (
    "stage",
    "stage_data",
    "stage_started_at",
    "stage_deadline_at",
    "due_at",
    "claim_owner",
    "claim_expires_at",
)
_MOVE = """
INSERT INTO work (subject_kind, subject_id, lane, stage, data, entered_at, started_at, timeout_s,
                  deadline_at, due_at, tries, is_suspect)
SELECT 'node', id, 'workflow', stage, stage_data, coalesce(stage_started_at, created_at),
       coalesce(stage_started_at, created_at), stage_deadline_at - stage_started_at,
       stage_deadline_at, coalesce(due_at, 0), 0, {false}
FROM nodes WHERE stage IS NOT NULL AND stage <> 'sync.power'
"""
_LOOK_AT_ALL = """
INSERT INTO work (subject_kind, subject_id, lane, stage, data, entered_at, started_at, due_at, tries, is_suspect)
SELECT 'node', id, 'background', 'sync.power', '{{}}', created_at, created_at, id % 120, 0, {false} FROM nodes
"""


def upgrade() -> None:
    op.create_table(
        "work",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject_kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("lane", sa.String(length=16), nullable=False),
        sa.Column("stage", sa.String(length=64), nullable=False),
        sa.Column("data", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("entered_at", sa.Double(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("timeout_s", sa.Double(), nullable=True),
        sa.Column("deadline_at", sa.Double(), nullable=True),
        sa.Column("due_at", sa.Double(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("is_suspect", sa.Boolean(), nullable=False),
        sa.Column("conductor", sa.String(length=255), nullable=True),
        sa.Column("claim_id", sa.String(length=36), nullable=True),
        sa.Column("claim_owner", sa.String(length=255), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work")),
        sa.UniqueConstraint(
            "subject_kind", "subject_id", "lane", name=op.f("uq_work_subject_kind")
        ),
    )
    op.create_index("ix_work_due", "work", ["conductor", "lane", "is_suspect", "due_at"])
    op.create_index("ix_work_claim_owner", "work", ["claim_owner"])
    false = "0" if op.get_bind().dialect.name == "sqlite" else "false"
    op.execute(_MOVE.format(false=false))
    op.execute(_LOOK_AT_ALL.format(false=false))
    for name in _INDEXES:
        op.drop_index(name, table_name="nodes")
    for name in _COLUMNS:
        op.execute(f"ALTER TABLE nodes DROP COLUMN {name}")
    op.add_column("nodes", sa.Column("conductor", sa.String(length=255), nullable=True))
    op.create_index(op.f("ix_nodes_conductor"), "nodes", ["conductor"])
    op.add_column(
        "conductors", sa.Column("hardware_types", sa.JSON(), nullable=False, server_default="[]")
    )
    op.add_column("conductors", sa.Column("beat", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("conductors", sa.Column("steady_at", sa.Double(), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("restore the backup of the database that was made before the upgrade")
