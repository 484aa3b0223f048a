"""Create the tables of nodes, ports, events and controllers."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "conductors",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("hostname", sa.String(length=255), nullable=False),
        sa.Column("conductor_group", sa.String(length=255), nullable=False),
        sa.Column("drivers", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("seen_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conductors")),
        sa.UniqueConstraint("hostname", name=op.f("uq_conductors_hostname")),
    )
    op.create_table(
        "nodes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=True),
        sa.Column("instance_uuid", sa.String(length=36), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=True),
        sa.Column("provision_state", sa.String(length=32), nullable=False),
        sa.Column("target_provision_state", sa.String(length=32), nullable=True),
        sa.Column("provision_updated_at", sa.Double(), nullable=True),
        sa.Column("power_state", sa.String(length=32), nullable=True),
        sa.Column("target_power_state", sa.String(length=32), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("maintenance", sa.Boolean(), nullable=False),
        sa.Column("maintenance_reason", sa.Text(), nullable=True),
        sa.Column("fault", sa.String(length=255), nullable=True),
        sa.Column("driver", sa.String(length=255), nullable=False),
        sa.Column("driver_info", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("driver_internal_info", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("instance_info", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("properties", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("extra", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("network_data", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("interfaces", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("clean_step", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("deploy_step", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("service_step", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("raid_config", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("target_raid_config", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("traits", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("automated_clean", sa.Boolean(), nullable=True),
        sa.Column("boot_mode", sa.String(length=16), nullable=True),
        sa.Column("secure_boot", sa.Boolean(), nullable=True),
        sa.Column("chassis_uuid", sa.String(length=36), nullable=True),
        sa.Column("conductor_group", sa.String(length=255), nullable=False),
        sa.Column("console_enabled", sa.Boolean(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("disable_power_off", sa.Boolean(), nullable=False),
        sa.Column("instance_name", sa.String(length=255), nullable=True),
        sa.Column("lessee", sa.String(length=255), nullable=True),
        sa.Column("owner", sa.String(length=255), nullable=True),
        sa.Column("parent_node", sa.String(length=36), nullable=True),
        sa.Column("protected", sa.Boolean(), nullable=False),
        sa.Column("protected_reason", sa.Text(), nullable=True),
        sa.Column("resource_class", sa.String(length=80), nullable=True),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("retired_reason", sa.Text(), nullable=True),
        sa.Column("shard", sa.String(length=255), nullable=True),
        sa.Column("inspection_started_at", sa.Double(), nullable=True),
        sa.Column("inspection_finished_at", sa.Double(), nullable=True),
        sa.Column("inventory", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("agent_secret", sa.String(length=255), nullable=True),
        sa.Column("config_drive", sa.Text(), nullable=True),
        sa.Column("progress", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("stage", sa.String(length=64), nullable=True),
        sa.Column("stage_data", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("stage_started_at", sa.Double(), nullable=True),
        sa.Column("stage_deadline_at", sa.Double(), nullable=True),
        sa.Column("due_at", sa.Double(), nullable=True),
        sa.Column("claim_owner", sa.String(length=255), nullable=True),
        sa.Column("claim_expires_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_nodes")),
        sa.UniqueConstraint("instance_uuid", name=op.f("uq_nodes_instance_uuid")),
        sa.UniqueConstraint("name", name=op.f("uq_nodes_name")),
        sa.UniqueConstraint("uuid", name=op.f("uq_nodes_uuid")),
    )
    op.create_index(op.f("ix_nodes_driver"), "nodes", ["driver"], unique=False)
    op.create_index("ix_nodes_due_at", "nodes", ["due_at"], unique=False)
    op.create_index("ix_nodes_claim_expires_at", "nodes", ["claim_expires_at"], unique=False)
    op.create_index(op.f("ix_nodes_provision_state"), "nodes", ["provision_state"], unique=False)

    op.create_table(
        "node_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("node_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("data", sa.JSON(none_as_null=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["node_id"], ["nodes.id"], name=op.f("fk_node_events_node_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_node_events")),
        sa.UniqueConstraint("uuid", name=op.f("uq_node_events_uuid")),
    )
    op.create_index(op.f("ix_node_events_node_id"), "node_events", ["node_id"], unique=False)

    op.create_table(
        "ports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("node_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=18), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=True),
        sa.Column("name", sa.String(length=255), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("pxe_enabled", sa.Boolean(), nullable=False),
        sa.Column("is_smartnic", sa.Boolean(), nullable=False),
        sa.Column("physical_network", sa.String(length=64), nullable=True),
        sa.Column("portgroup_uuid", sa.String(length=36), nullable=True),
        sa.Column("local_link_connection", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("extra", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("internal_info", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("vendor", sa.String(length=255), nullable=True),
        sa.Column("category", sa.String(length=255), nullable=True),
        sa.ForeignKeyConstraint(
            ["node_id"], ["nodes.id"], name=op.f("fk_ports_node_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ports")),
        sa.UniqueConstraint("address", name=op.f("uq_ports_address")),
        sa.UniqueConstraint("name", name=op.f("uq_ports_name")),
        sa.UniqueConstraint("uuid", name=op.f("uq_ports_uuid")),
    )
    op.create_index(op.f("ix_ports_node_id"), "ports", ["node_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_ports_node_id"), table_name="ports")

    op.drop_table("ports")
    op.drop_index(op.f("ix_node_events_node_id"), table_name="node_events")

    op.drop_table("node_events")
    op.drop_index(op.f("ix_nodes_provision_state"), table_name="nodes")
    op.drop_index("ix_nodes_claim_expires_at", table_name="nodes")
    op.drop_index("ix_nodes_due_at", table_name="nodes")
    op.drop_index(op.f("ix_nodes_driver"), table_name="nodes")

    op.drop_table("nodes")
    op.drop_table("conductors")
