"""What the API answers that is no resource: the types of replies that ``route.py`` names, for its description."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from agent.protocol.lookup import LookupConfig, LookupNode
from controller.hardware.bmc import BootDevice


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A reply."""


class Link(Answer, frozen=True, kw_only=True):
    """Where something is."""

    href: str
    rel: str


class Version(Answer, frozen=True, kw_only=True):
    """A version of the API with its microversions."""

    id: str
    links: list[Link]
    status: str
    min_version: str
    version: str


class Versions(Answer, frozen=True, kw_only=True):
    """Which versions there are."""

    name: str
    description: str
    default_version: Version
    versions: list[Version]


class VersionOne(Answer, frozen=True, kw_only=True):
    """The resources of version 1, each with its links."""

    id: str
    links: list[Link]
    media_types: dict[str, str]
    version: Version


class ConsoleState(Answer, frozen=True, kw_only=True):
    """Whether the console is served, and how it is reached."""

    console_enabled: bool
    console_info: dict[str, Any] | None


class ConsoleStanding(Answer, frozen=True, kw_only=True):
    """How it stands with a console of ours; ``begin`` and ``end`` are places that ``since`` takes."""

    state: str
    reason: str
    typist: str | None
    watchers: int
    begin: str
    end: str


class Keyboard(Answer, frozen=True, kw_only=True):
    """What whoever types sends along."""

    keyboard: str


class Typed(Answer, frozen=True, kw_only=True):
    """How many bytes of this keyboard are taken; what is missing is to be sent again."""

    taken: int


class InterfaceCheck(Answer, frozen=True, kw_only=True):
    """Whether the node is ready for an interface; ``null`` = it has no vendor methods."""

    result: bool | None
    reason: str | None = None


class CurrentBootDevice(Answer, frozen=True, kw_only=True):
    """What the machine boots from; ``null`` = its BMC does not say."""

    boot_device: BootDevice | None
    persistent: bool | None


class SupportedBootDevices(Answer, frozen=True, kw_only=True):
    """What it can boot from."""

    supported_boot_devices: list[BootDevice]


class Lamp(Answer, frozen=True, kw_only=True):
    """An indicator."""

    name: str
    component: str
    readonly: bool
    states: list[str]
    links: list[Link]


class Lamps(Answer, frozen=True, kw_only=True):
    """All of a machine."""

    indicators: list[Lamp]


class LampState(Answer, frozen=True, kw_only=True):
    """What one does."""

    state: str


class MachineSensors(Answer, frozen=True, kw_only=True):
    """What the sensors of a machine say."""

    form: str
    collected_at: str
    health: str | None
    left_out: int
    sensors: dict[str, dict[str, dict[str, Any]]]


class HardwareLogEntry(Answer, frozen=True, kw_only=True):
    """An entry of the log that a BMC keeps."""

    id: str
    created_at: str | None
    severity: str | None
    sensor: str
    message: str


class HardwareLog(Answer, frozen=True, kw_only=True):
    """The newest entries of that log."""

    entries: list[HardwareLogEntry]
    total: int
    is_full: bool


class VendorMethod(Answer, frozen=True, kw_only=True):
    """A method of a vendor interface."""

    is_async: bool = msgspec.field(name="async")
    attach: bool
    description: str
    http_methods: list[str]
    require_exclusive_lock: bool


class Traits(Answer, frozen=True, kw_only=True):
    """Of a node or a runbook."""

    traits: list[str]


class Vif(Answer, frozen=True, kw_only=True):
    """A client's virtual interface."""

    id: str


class Vifs(Answer, frozen=True, kw_only=True):
    """All that are attached."""

    vifs: list[Vif]


class VirtualDrive(Answer, frozen=True, kw_only=True):
    """A virtual drive and what is in it."""

    media_types: list[str]
    inserted: bool
    image: str | None


class HistoryEvent(Answer, frozen=True, kw_only=True):
    """Something that happened; the rest is there in details."""

    uuid: str
    created_at: str | None
    severity: str
    event: str
    links: list[Link]
    event_type: str | UnsetType = UNSET
    conductor: str | UnsetType = UNSET
    user: str | UnsetType | None = UNSET
    project: str | UnsetType | None = UNSET
    data: dict[str, Any] | UnsetType = UNSET
    state: str | UnsetType | None = UNSET
    target_provision_state: str | UnsetType | None = UNSET
    duration_seconds: int | UnsetType | None = UNSET


class History(Answer, frozen=True, kw_only=True):
    """A page of it."""

    history: list[HistoryEvent]
    next: str | UnsetType = UNSET


class NotificationOf(Answer, frozen=True, kw_only=True):
    """Something that happened, in the form of Ironic's notifications; ``id`` is its number."""

    id: int
    event_type: str
    priority: str
    timestamp: str
    publisher_id: str
    message_id: str
    payload: dict[str, Any]


class Notifications(Answer, frozen=True, kw_only=True):
    """A page of them."""

    notifications: list[NotificationOf]
    next: str | UnsetType = UNSET


class Inventory(Answer, frozen=True, kw_only=True):
    """What the last inspection found."""

    inventory: dict[str, Any]
    plugin_data: dict[str, Any]


class CertificateSummary(Answer, frozen=True, kw_only=True):
    """A sanitization certificate in a list."""

    uuid: str
    created_at: str | None
    verdict: str
    serial: str | None
    model: str | None
    path: str | None
    method: str | None
    levels: list[str]
    links: list[Link]


class Certificates(Answer, frozen=True, kw_only=True):
    """All of a node."""

    certificates: list[CertificateSummary]


class Signature(Answer, frozen=True, kw_only=True):
    """Of a certificate."""

    algorithm: str
    key_id: str
    public_key: str
    value: str
    signed: str


class SignedCertificate(Answer, frozen=True, kw_only=True):
    """A certificate and its signature."""

    certificate: dict[str, Any]
    signature: Signature


class PublicKey(Answer, frozen=True, kw_only=True):
    """A key that certificates are signed with."""

    key_id: str
    algorithm: str
    public_key: str


class PublicKeys(Answer, frozen=True, kw_only=True):
    """All of them."""

    keys: list[PublicKey]


class Children(Answer, frozen=True, kw_only=True):
    """The UUIDs of nodes."""

    children: list[str]
    links: Link


class VolumeLinks(Answer, frozen=True, kw_only=True):
    """Where the volume resources are."""

    links: list[Link]
    connectors: list[Link]
    targets: list[Link]


class Shard(Answer, frozen=True, kw_only=True):
    """A shard and how many nodes are in it."""

    name: str
    count: int


class Shards(Answer, frozen=True, kw_only=True):
    """All of them."""

    shards: list[Shard]


class FoundNode(Answer, frozen=True, kw_only=True):
    """What a ramdisk is told of its node and of how to go on."""

    node: LookupNode
    config: LookupConfig


class InspectionTaken(Answer, frozen=True, kw_only=True):
    """At 1.1 the node's UUID, since 1.84 what a lookup says."""

    uuid: str | UnsetType = UNSET
    node: LookupNode | UnsetType = UNSET
    config: LookupConfig | UnsetType = UNSET


class PieceTaken(Answer, frozen=True, kw_only=True):
    """How much of an image is there."""

    bytes_done: int
    size_bytes: int
