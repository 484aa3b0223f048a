"""Keep sanitization certificates and the key that signs them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "certificates",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("node_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("verdict", sa.String(length=32), nullable=False),
        sa.Column("serial", sa.String(length=255), nullable=True),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("signature", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(
            ["node_id"], ["nodes.id"], name=op.f("fk_certificates_node_id"), ondelete="CASCADE"
        ),
        sa.UniqueConstraint("uuid", name=op.f("uq_certificates_uuid")),
    )
    op.create_index("ix_certificates_node_id_id", "certificates", ["node_id", "id"])
    op.create_table(
        "signing_keys",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("public_key", sa.String(length=64), nullable=False),
        sa.Column("private_key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.UniqueConstraint("key_id", name=op.f("uq_signing_keys_key_id")),
    )


def downgrade() -> None:
    op.drop_table("signing_keys")
    op.drop_table("certificates")
