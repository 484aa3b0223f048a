"""What clients send that is no resource: the types of the bodies and query arguments that ``route.py`` names.

From these the description of the API is made. Handlers take their names from here and read values in Ironic's ways, which are
wider than any schema: truth values as words, arguments of some orders in the query too.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from controller.hardware.abilities import IndicatorState, MediaDevice
from controller.hardware.bmc import BootDevice, BootMode, PowerAction

MOST_POWER_TIMEOUT_S = 7 * 24 * 3600
"""Longer than any machine takes, and a deadline that every date format and database can hold."""
MOST_EVENTS = 256
"""Of a network service in one request: each may be a row of a history."""
Word = bool | str
"""A truth value, or one of Ironic's words for one."""
Trait = Annotated[str, Meta(max_length=255, pattern=r"^(CUSTOM_[A-Z0-9_]+|[A-Z0-9_]+)$")]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A body."""


class PowerOrder(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Switch the power; ``timeout`` in seconds, since 1.27."""

    target: PowerAction
    timeout: Annotated[float, Meta(gt=0, le=MOST_POWER_TIMEOUT_S)] | None = None


class RaidOrder(Order, frozen=True, kw_only=True):
    """The wanted logical disks; the properties of each are those of ``/v1/drivers/<name>/raid/logical_disk_properties``."""

    logical_disks: list[dict[str, Any]] | UnsetType = UNSET


class BootModeOrder(Order, frozen=True, kw_only=True):
    """The wanted boot mode."""

    target: BootMode


class SecureBootOrder(Order, frozen=True, kw_only=True):
    """Secure Boot on or off."""

    target: Word


class ConsoleOrder(Order, frozen=True, kw_only=True):
    """The console on or off."""

    enabled: Word


class ConsoleArguments(Order, frozen=True, kw_only=True):
    """Where following begins."""

    since: str = ""
    tail_bytes: str = "16384"


class NotificationStreamArguments(Order, frozen=True, kw_only=True):
    """Which notifications, and behind which number; ``type`` are event types with commas between, ``*`` stands for any letters."""

    since: str = ""
    node: str = ""
    type: str = ""


class NotificationArguments(NotificationStreamArguments, frozen=True, kw_only=True):
    """The same, and how many."""

    limit: str = "1000"


class KeyboardOrder(Order, frozen=True, kw_only=True):
    """Whether the keyboard is taken from somebody else, too."""

    force: Word = False


class KeyboardArguments(Order, frozen=True, kw_only=True):
    """Whose keyboard is given back."""

    keyboard: str


class TypingOrder(Order, frozen=True, kw_only=True):
    """What is typed."""

    keyboard: str
    data: str = ""
    at: Annotated[int, Meta(ge=0)] = 0
    send_break: Word = msgspec.field(name="break", default=False)


class MaintenanceOrder(Order, frozen=True, kw_only=True):
    """Why the node is in maintenance."""

    reason: str | None = None


class BootDeviceOrder(Order, frozen=True, kw_only=True):
    """What the machine boots from, once or each time."""

    boot_device: BootDevice
    persistent: Word | None = None


class IndicatorOrder(Order, frozen=True, kw_only=True):
    """What a lamp shall do."""

    state: IndicatorState


class TraitsOrder(Order, frozen=True, kw_only=True):
    """All traits there shall be."""

    traits: list[Trait]


class RunbookTraitsOrder(TraitsOrder, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All traits that a runbook shall have."""


class VifOrder(Order, frozen=True, kw_only=True):
    """A VIF, and the port or port group for it (one of them, since 1.67)."""

    id: str
    port_uuid: str | None = None
    portgroup_uuid: str | None = None


class ExternalEvent(
    Order,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"host_id": "binding:host_id", "vnic_type": "binding:vnic_type"},
):
    """What a network service says of a port; ``port_id`` is the service's own name for it."""

    event: Literal["network.bind_port", "network.unbind_port", "network.delete_port"]
    port_id: str
    mac_address: str
    status: str
    device_id: str | None = None
    host_id: str | None = None
    vnic_type: str | None = None


class ExternalEvents(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Some at once."""

    events: Annotated[tuple[ExternalEvent, ...], Meta(min_length=1, max_length=MOST_EVENTS)]


class MediaOrder(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An image for a virtual drive."""

    device_type: MediaDevice
    image_url: str
    image_download_source: Literal["http", "local", "swift"] = "http"


class InspectedInterface(Order, frozen=True, kw_only=True):
    """A network card; the rest is as the agent says it."""

    mac_address: str


class InspectedInventory(Order, frozen=True, kw_only=True):
    """What the agent found; the rest is as the agent says it."""

    interfaces: Annotated[list[InspectedInterface], Meta(min_length=1)]
    disks: list[Any] | None = None
    bmc_address: str | None = None
    bmc_v6address: str | None = None


class InspectionResult(Order, frozen=True, kw_only=True):
    """What a ramdisk found; the rest is of its collectors."""

    inventory: InspectedInventory


class LookupArguments(Order, frozen=True, kw_only=True):
    """Who asks: MAC addresses, with commas between, or the node."""

    addresses: str | UnsetType = UNSET
    node_uuid: str | UnsetType = UNSET


class InspectionArguments(Order, frozen=True, kw_only=True):
    """Whose result it is, if the ramdisk knows."""

    node_uuid: str | UnsetType = UNSET


class PieceArguments(Order, frozen=True, kw_only=True):
    """Which piece of an image is sent, of how many bytes in all."""

    start_byte: Annotated[int, Meta(ge=0)]
    size_bytes: Annotated[int, Meta(ge=0)]


class PassthruArguments(Order, frozen=True, kw_only=True):
    """Which method, where the path does not say."""

    method: str | UnsetType = UNSET


class MediaArguments(Order, frozen=True, kw_only=True):
    """Which drives, with commas between."""

    device_types: str | UnsetType = UNSET
