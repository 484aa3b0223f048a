"""Keep images in a store of the controllers' own."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "images",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("urls", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("os_hash_algo", sa.String(length=16), nullable=False),
        sa.Column("os_hash_value", sa.String(length=128), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("disk_format", sa.String(length=16), nullable=True),
        sa.Column("extra", sa.JSON(none_as_null=True), nullable=False),
        sa.UniqueConstraint("uuid", name=op.f("uq_images_uuid")),
        sa.UniqueConstraint("name", name=op.f("uq_images_name")),
    )
    op.create_table(
        "image_copies",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("image_id", sa.Integer(), nullable=False),
        sa.Column("conductor", sa.String(length=255), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("bytes_done", sa.BigInteger(), nullable=False),
        sa.Column("is_upload", sa.Boolean(), nullable=False),
        sa.Column("used_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id"], ["images.id"], name=op.f("fk_image_copies_image_id"), ondelete="CASCADE"
        ),
        sa.UniqueConstraint("image_id", "conductor", name=op.f("uq_image_copies_image_id")),
    )
    op.create_index("ix_image_copies_conductor", "image_copies", ["conductor"])


def downgrade() -> None:
    op.drop_table("image_copies")
    op.drop_table("images")
