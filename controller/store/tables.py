"""The tables (SQLAlchemy 2, typed). Times are UTC seconds since the epoch as float; the API turns them into ISO 8601.

The columns named after Ironic's node fields hold exactly what the API shows. The others are the engine's:
``stage`` says what the engine does next for the node, ``due_at`` when, ``claim_*`` who does it now.
"""

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, MetaData, String, Text, UniqueConstraint, false
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

_NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
JsonObject = dict[str, Any]


class Base(DeclarativeBase):
    """Base of all tables."""

    metadata = MetaData(naming_convention=_NAMING)
    type_annotation_map = {  # noqa: RUF012  # SQLAlchemy wants a plain class attribute
        JsonObject: JSON(none_as_null=True),
        list[Any]: JSON(none_as_null=True),
    }


class Node(Base):
    """A bare-metal machine."""

    __tablename__ = "nodes"

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    name: Mapped[str | None] = mapped_column(String(255), unique=True)
    instance_uuid: Mapped[str | None] = mapped_column(String(36), unique=True)
    created_at: Mapped[float]
    updated_at: Mapped[float | None]
    provision_state: Mapped[str] = mapped_column(String(32), index=True)
    target_provision_state: Mapped[str | None] = mapped_column(String(32))
    provision_updated_at: Mapped[float | None]
    power_state: Mapped[str | None] = mapped_column(String(32))
    target_power_state: Mapped[str | None] = mapped_column(String(32))
    last_error: Mapped[str | None] = mapped_column(Text)
    maintenance: Mapped[bool] = mapped_column(default=False)
    maintenance_reason: Mapped[str | None] = mapped_column(Text)
    fault: Mapped[str | None] = mapped_column(String(255))
    driver: Mapped[str] = mapped_column(String(255), index=True)
    driver_info: Mapped[JsonObject] = mapped_column(default=dict)
    driver_internal_info: Mapped[JsonObject] = mapped_column(default=dict)
    instance_info: Mapped[JsonObject] = mapped_column(default=dict)
    properties: Mapped[JsonObject] = mapped_column(default=dict)
    extra: Mapped[JsonObject] = mapped_column(default=dict)
    network_data: Mapped[JsonObject] = mapped_column(default=dict)
    interfaces: Mapped[JsonObject] = mapped_column(default=dict)
    """Chosen interfaces by kind: ``{"boot": "ipxe", ...}``; kinds that are absent use the driver's default."""
    clean_step: Mapped[JsonObject] = mapped_column(default=dict)
    deploy_step: Mapped[JsonObject] = mapped_column(default=dict)
    service_step: Mapped[JsonObject] = mapped_column(default=dict)
    raid_config: Mapped[JsonObject] = mapped_column(default=dict)
    target_raid_config: Mapped[JsonObject] = mapped_column(default=dict)
    traits: Mapped[list[Any]] = mapped_column(default=list)
    automated_clean: Mapped[bool | None]
    boot_mode: Mapped[str | None] = mapped_column(String(16))
    secure_boot: Mapped[bool | None]
    chassis_uuid: Mapped[str | None] = mapped_column(String(36))
    conductor_group: Mapped[str] = mapped_column(String(255), default="")
    console_enabled: Mapped[bool] = mapped_column(default=False)
    description: Mapped[str | None] = mapped_column(Text)
    disable_power_off: Mapped[bool] = mapped_column(default=False)
    instance_name: Mapped[str | None] = mapped_column(String(255))
    lessee: Mapped[str | None] = mapped_column(String(255))
    owner: Mapped[str | None] = mapped_column(String(255))
    parent_node: Mapped[str | None] = mapped_column(String(36))
    protected: Mapped[bool] = mapped_column(default=False)
    protected_reason: Mapped[str | None] = mapped_column(Text)
    resource_class: Mapped[str | None] = mapped_column(String(80))
    retired: Mapped[bool] = mapped_column(default=False)
    retired_reason: Mapped[str | None] = mapped_column(Text)
    shard: Mapped[str | None] = mapped_column(String(255))
    inspection_started_at: Mapped[float | None]
    inspection_finished_at: Mapped[float | None]
    inventory: Mapped[JsonObject | None]
    """What the last inspection found: ``{"inventory": .., "plugin_data": ..}``."""
    agent_secret: Mapped[str | None] = mapped_column(String(255))
    """The agent token of this boot of the ramdisk; never shown."""
    boot_key: Mapped[str | None] = mapped_column(String(36), unique=True, index=True)
    """Under which name kernel and ramdisk are served while the machine boots them; tells nothing else."""
    config_drive: Mapped[str | None] = mapped_column(Text)
    """The config drive of the instance, gzip + base64 or a URL; never shown."""
    progress: Mapped[JsonObject | None]
    """How far the running step is: ``{step, phase, bytes_done, bytes_total, disk_bytes_done, disk_bytes_total, rate_bytes_per_s, time_left_s, updated_at}``."""

    stage: Mapped[str | None] = mapped_column(String(64))
    """What the engine does next for this node; ``None`` = nothing to do."""
    stage_data: Mapped[JsonObject] = mapped_column(default=dict)
    stage_started_at: Mapped[float | None]
    stage_deadline_at: Mapped[float | None]
    due_at: Mapped[float | None]
    """When a worker shall look at the node; ``None`` = not by itself."""
    claim_owner: Mapped[str | None] = mapped_column(String(255))
    claim_expires_at: Mapped[float | None]

    __table_args__ = (
        Index("ix_nodes_due_at", "due_at"),
        Index("ix_nodes_claim_expires_at", "claim_expires_at"),
    )


class Port(Base):
    """A network interface of a node; ``address`` is the MAC address, lower-case with colons."""

    __tablename__ = "ports"

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    node_id: Mapped[int] = mapped_column(ForeignKey("nodes.id", ondelete="CASCADE"), index=True)
    address: Mapped[str] = mapped_column(String(18), unique=True)
    created_at: Mapped[float]
    updated_at: Mapped[float | None]
    name: Mapped[str | None] = mapped_column(String(255), unique=True)
    description: Mapped[str | None] = mapped_column(Text)
    pxe_enabled: Mapped[bool] = mapped_column(default=True)
    is_smartnic: Mapped[bool] = mapped_column(default=False)
    physical_network: Mapped[str | None] = mapped_column(String(64))
    portgroup_uuid: Mapped[str | None] = mapped_column(String(36))
    local_link_connection: Mapped[JsonObject] = mapped_column(default=dict)
    extra: Mapped[JsonObject] = mapped_column(default=dict)
    internal_info: Mapped[JsonObject] = mapped_column(default=dict)
    vendor: Mapped[str | None] = mapped_column(String(255))
    category: Mapped[str | None] = mapped_column(String(255))


class NodeEvent(Base):
    """Something that happened to a node: state changes, power, boot files fetched, steps, errors; the node's history."""

    __tablename__ = "node_events"
    __table_args__ = (Index("ix_node_events_node_id_id", "node_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    node_id: Mapped[int] = mapped_column(ForeignKey("nodes.id", ondelete="CASCADE"))
    at: Mapped[float]
    kind: Mapped[str] = mapped_column(String(64))
    """``state``, ``power``, ``boot``, ``agent``, ``step``, ``error``, ``request``."""
    severity: Mapped[str] = mapped_column(String(16), default="INFO")
    message: Mapped[str] = mapped_column(Text)
    data: Mapped[JsonObject] = mapped_column(default=dict)
    is_foreign: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Somebody who is not known to be the node's machine caused it; these have a quota of their own."""


class Lease(Base):
    """An address that this site's DHCP gave to a network card; shared by all controllers."""

    __tablename__ = "leases"

    address: Mapped[str] = mapped_column(String(45), primary_key=True)
    mac: Mapped[str] = mapped_column(String(18), index=True)
    """In its stored form, as ``Port.address``."""
    expires_at: Mapped[float]


class Conductor(Base):
    """A controller process; one that has not been seen for a while has lost its claims."""

    __tablename__ = "conductors"
    __table_args__ = (UniqueConstraint("hostname"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    hostname: Mapped[str] = mapped_column(String(255))
    conductor_group: Mapped[str] = mapped_column(String(255), default="")
    drivers: Mapped[list[Any]] = mapped_column(default=list)
    started_at: Mapped[float]
    seen_at: Mapped[float]
    instance: Mapped[str | None] = mapped_column(String(36))
    """Which process runs under the name; ``None`` = it has ended in order."""
