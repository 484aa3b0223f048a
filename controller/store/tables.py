"""The tables (SQLAlchemy 2, typed). Times are UTC seconds since the epoch as float; the API turns them into ISO 8601.

The columns named after Ironic's node fields hold exactly what the API shows. What is to be done next, for what, when and by
whom is in ``work``, whose times are those of ``steady_clock.py``, which no step of the wall clock moves.
"""

from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    Index,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    false,
    select,
    true,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import (
    InstrumentedAttribute,
    Mapped,
    foreign,
    mapped_column,
    relationship,
    remote,
)

from controller.store.base import Base, JsonObject
from controller.store.node_documents import WithDocuments
from controller.store.sealing import SealedLongText, SealedText


class Node(WithDocuments, Base):
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
    health: Mapped[str | None] = mapped_column(String(16))
    """What its BMC says: ``OK``, ``Warning``, ``Critical``; ``None`` = it says nothing."""
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
    chassis_uuid: Mapped[str | None] = mapped_column(String(36), index=True)
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
    agent_secret: Mapped[str | None] = mapped_column(SealedText("agent_secret", 255))
    """The agent token of this boot of the ramdisk; never shown."""
    boot_key: Mapped[str | None] = mapped_column(String(36), unique=True, index=True)
    """Under which name kernel and ramdisk are served while the machine boots them; tells nothing else."""
    progress: Mapped[JsonObject | None]
    """How far the running step is: ``{step, phase, bytes_done, bytes_total, disk_bytes_done, disk_bytes_total, rate_bytes_per_s, time_left_s, updated_at}``."""

    conductor: Mapped[str | None] = mapped_column(String(255), index=True)
    """The controller whose business the node is; ``None`` = not decided yet, or none serves its driver."""

    work: Mapped["Work | None"] = relationship(
        primaryjoin=lambda: and_(
            remote(foreign(Work.subject_id)) == Node.id,
            Work.subject_kind == NODE,
            Work.lane == WORKFLOW,
        ),
        lazy="joined",
        viewonly=True,
    )
    """The workflow that is at the node, a person's or what tidies up after it; ``None`` = none is."""

    @hybrid_property
    def stage(self) -> str | None:
        """What is done next for the node; ``None`` = nothing."""
        return self.work.stage if self.work else None

    @hybrid_property
    def stage_started_at(self) -> float | None:
        """When the stage was entered, by the wall clock."""
        return self.work.started_at if self.work else None

    @hybrid_property
    def stage_deadline_at(self) -> float | None:
        """When the stage is over at the latest, by the steady clock; ``None`` = not begun yet, or no limit."""
        return self.work.deadline_at if self.work else None

    @hybrid_property
    def claim_owner(self) -> str | None:
        """The controller whose worker is at the node; ``None`` = nobody is."""
        return self.work.claim_owner if self.work else None

    @stage.inplace.expression
    @classmethod
    def _stage(cls) -> ColumnElement[str | None]:
        return _of_work(Work.stage)

    @stage_started_at.inplace.expression
    @classmethod
    def _stage_started_at(cls) -> ColumnElement[float | None]:
        return _of_work(Work.started_at)

    @stage_deadline_at.inplace.expression
    @classmethod
    def _stage_deadline_at(cls) -> ColumnElement[float | None]:
        return _of_work(Work.deadline_at)

    @claim_owner.inplace.expression
    @classmethod
    def _claim_owner(cls) -> ColumnElement[str | None]:
        return _of_work(Work.claim_owner)


NODE_TABLE = cast("Table", Node.__table__)
"""For hot statements that choose columns: where no mapped class is named, the session does not look for objects."""
NODE = "node"
"""A ``subject_kind``."""
WORKFLOW = "workflow"
"""A lane: people's orders and what follows from them. The row is there while there is something to do."""
BACKGROUND = "background"
"""A lane: what is looked at now and then, for ever."""


class Work(Base):
    """Something to do for a subject: which stage, when, and who does it now."""

    __tablename__ = "work"

    id: Mapped[int] = mapped_column(primary_key=True)
    subject_kind: Mapped[str] = mapped_column(String(16))
    subject_id: Mapped[int]
    lane: Mapped[str] = mapped_column(String(16))
    stage: Mapped[str] = mapped_column(String(64))
    data: Mapped[JsonObject] = mapped_column(default=dict)
    """What the workflow has kept since its begin; keys that begin with ``_`` go with the stage."""
    entered_at: Mapped[float]
    started_at: Mapped[float]
    """``entered_at`` by the wall clock, for people."""
    timeout_s: Mapped[float | None]
    """Longest stay in the stage, from its first run; ``None`` = as long as it takes."""
    deadline_at: Mapped[float | None]
    due_at: Mapped[float | None]
    """When a worker shall look; ``None`` = not by itself, or it is claimed and nobody has asked for more."""
    tries: Mapped[int] = mapped_column(default=0)
    """How often in a row it failed; for pauses that grow."""
    is_suspect: Mapped[bool] = mapped_column(default=False)
    """The last run was slow or found nobody: such work gets a part of a lane's threads only."""
    conductor: Mapped[str | None] = mapped_column(String(255))
    """The controller that does it: the node's, or one that knows the stage."""
    claim_id: Mapped[str | None] = mapped_column(String(36))
    """New for every claim; who holds another one stores nothing."""
    claim_owner: Mapped[str | None] = mapped_column(String(255))

    __table_args__ = (
        UniqueConstraint("subject_kind", "subject_id", "lane"),
        Index("ix_work_due", "conductor", "lane", "is_suspect", "due_at"),
        Index("ix_work_claim_owner", "claim_owner"),
    )


def _of_work(column: InstrumentedAttribute[Any]) -> ColumnElement[Any]:
    """Return the column of the node's workflow, for queries that choose or sort."""
    mine = (Work.subject_kind == NODE, Work.subject_id == Node.id, Work.lane == WORKFLOW)
    return select(column).where(*mine).correlate(Node).scalar_subquery().label(column.key)


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
    portgroup_uuid: Mapped[str | None] = mapped_column(String(36), index=True)
    local_link_connection: Mapped[JsonObject] = mapped_column(default=dict)
    extra: Mapped[JsonObject] = mapped_column(default=dict)
    internal_info: Mapped[JsonObject] = mapped_column(default=dict)
    vendor: Mapped[str | None] = mapped_column(String(255))
    category: Mapped[str | None] = mapped_column(String(255))
    available_for_dynamic_portgroup: Mapped[bool] = mapped_column(
        default=True, server_default=true()
    )


PORT_TABLE = cast("Table", Port.__table__)
"""As ``NODE_TABLE``."""


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
    user: Mapped[str | None] = mapped_column(String(255))
    """Whom it was done for; ``None`` = the controller's own doing, or nobody has to log in."""
    project: Mapped[str | None] = mapped_column(String(255))
    """The project that the user acted in."""


class Lease(Base):
    """An address that this site's DHCP gave to a network card; shared by all controllers."""

    __tablename__ = "leases"

    address: Mapped[str] = mapped_column(String(45), primary_key=True)
    mac: Mapped[str] = mapped_column(String(18), index=True)
    """In its stored form, as ``Port.address``."""
    expires_at: Mapped[float]


class Conductor(Base):
    """A controller process; one whose beat stands still has lost its claims."""

    __tablename__ = "conductors"
    __table_args__ = (UniqueConstraint("hostname"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    hostname: Mapped[str] = mapped_column(String(255))
    conductor_group: Mapped[str] = mapped_column(String(255), default="")
    started_at: Mapped[float]
    seen_at: Mapped[float]
    instance: Mapped[str | None] = mapped_column(String(36))
    """Which process runs under the name; ``None`` = it has ended in order."""
    hardware_types: Mapped[list[Any]] = mapped_column(default=list)
    """Values of a node's ``driver`` that it serves."""
    beat: Mapped[int] = mapped_column(default=0)
    """Grows while the process lives: others see by their own clocks whether it does."""
    steady_at: Mapped[float | None]
    """Its steady clock at ``seen_at``; a process that joins or comes back goes on from there."""


class SecretKey(Base):
    """The key that the secrets of this database are sealed with: one row, or none before the first start."""

    __tablename__ = "secret_keys"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    key_id: Mapped[str] = mapped_column(String(16))
    check_value: Mapped[str] = mapped_column(Text)
    """A known text, sealed: whether the key of this name opens it."""


class Certificate(Base):
    """What was done to a disk of a node to erase it, signed; ``document`` is the text that was signed, to the letter."""

    __tablename__ = "certificates"
    __table_args__ = (Index("ix_certificates_node_id_id", "node_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    node_id: Mapped[int] = mapped_column(ForeignKey("nodes.id", ondelete="CASCADE"))
    created_at: Mapped[float]
    verdict: Mapped[str] = mapped_column(String(32))
    serial: Mapped[str | None] = mapped_column(String(255))
    document: Mapped[str] = mapped_column(Text)
    key_id: Mapped[str] = mapped_column(String(16))
    signature: Mapped[str] = mapped_column(String(128))


class SigningKey(Base):
    """A key that certificates are signed with; the newest signs, all of them can be checked with."""

    __tablename__ = "signing_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    key_id: Mapped[str] = mapped_column(String(16), unique=True)
    public_key: Mapped[str] = mapped_column(String(64))
    private_key: Mapped[str] = mapped_column(SealedLongText("signing_key"))
    created_at: Mapped[float]
