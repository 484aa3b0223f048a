"""The kinds of interfaces of a node, and what an implementation of each kind offers.

An implementation is an object found by entry point (group ``ingot.interfaces.<kind>``); it has no base class. One object may
serve several kinds (a BMC driver is ``power`` and ``management``); a class is made once per process. What a kind
does not do stands in its implementation (``fake``, ``no-rescue``), not in those who ask it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from controller.hardware.bmc import (
    BmcStep,
    BootDevice,
    ManagementControl,
    PowerControl,
    PoweredNode,
)
from controller.hardware.boot_target import BootTarget
from controller.hardware.steps import Kind, StepSpec
from controller.settings import Settings
from controller.store.tables import Node
from controller.store.volumes import Volumes

INTERFACE_KINDS = (
    "bios",
    "boot",
    "console",
    "deploy",
    "firmware",
    "inspect",
    "management",
    "network",
    "power",
    "raid",
    "rescue",
    "storage",
    "vendor",
)
"""Every kind of interface a node has, in Ironic's order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a check may look at: a node's row and the settings. Nobody is asked, nothing is changed."""

    node: Node
    settings: Settings
    interfaces: "Interfaces"
    """Of the node."""
    has_boot_port: bool = True
    """Whether a port of the node may boot from the network (``pxe_enabled``)."""

    @property
    def driver_info(self) -> dict[str, Any]:
        """A copy of the node's ``driver_info``."""
        return dict(self.node.driver_info)


class Interface(Protocol):
    """What every implementation offers."""

    properties: Mapping[str, str]
    """``driver_info`` keys with a help text each, as ``GET /v1/drivers/<name>/properties`` shows them."""

    def validate(self, facts: Facts) -> None:
        """Raise ``Invalid`` naming what is missing or malformed, with an example."""


@runtime_checkable
class Connects(Protocol):
    """An implementation of any kind with a connection of its own; what that can says the connection (``abilities.py``, ``firmware.py``)."""

    def connect(self, driver_info: dict[str, Any]) -> Any:
        """Return the (possibly cached) connection; opens nothing yet."""


@runtime_checkable
class OffersSteps(Protocol):
    """An implementation of any kind that carries out steps without the ramdisk."""

    def steps(self, driver_info: Mapping[str, Any]) -> Sequence[BmcStep]:
        """Return the steps of such a node; asks nobody."""

    def connect(self, driver_info: dict[str, Any]) -> Any:
        """Return the connection that the steps' functions are given; opens nothing yet."""


@runtime_checkable
class JoinsHardwareTypes(Protocol):
    """An implementation that adds itself to hardware types; how what is installed beside Ingot gets into them."""

    hardware_types: tuple[str, ...]
    """``ipmi`` or ``fake-hardware``, whose last choice it becomes, or a new one, whose default it is."""


@runtime_checkable
class MadeWithSettings(Protocol):
    """A class of implementations whose object is made with the settings; others are called without an argument."""

    def from_settings(self, settings: Settings) -> Interface:
        """Return the object (a class method of the class)."""


class PowerInterface(Interface, Protocol):
    """Switches machines on and off."""

    def connect(self, driver_info: dict[str, Any]) -> PowerControl:
        """Return the (possibly cached) connection; opens nothing yet.

        Raises:
            Invalid: As :meth:`validate`.
        """


@runtime_checkable
class ConnectsNodes(Protocol):
    """A power or management interface that has to know more of a node than its ``driver_info``."""

    boot_advice: str
    """What to do if a machine that was switched on does not come, for the failure's message; empty = nothing special."""

    def connect_node(self, node: PoweredNode) -> Any:
        """Return the connection, as ``connect`` does; opens nothing yet.

        Raises:
            Invalid: As :meth:`Interface.validate`.
        """


class ManagementInterface(Interface, Protocol):
    """Says what a machine boots from."""

    def connect(self, driver_info: dict[str, Any]) -> ManagementControl:
        """Return the (possibly cached) connection; opens nothing yet.

        Raises:
            Invalid: As :meth:`validate`.
        """


class BootInterface(Interface, Protocol):
    """Brings a machine to boot the ramdisk."""

    device: BootDevice | None
    """From where the firmware starts it; ``None`` = nothing is booted."""
    boots_instances: bool
    """It can boot an instance from the network, too (``BootTarget``)."""

    def require_files(self, node: Node, settings: Settings, *, is_rescue: bool = False) -> None:
        """Raise ``Invalid`` if there is no ramdisk for the node that can be read."""


class MediumWay(StrEnum):
    """How an image of a machine's own comes to it; a node keeps it while it boots one."""

    DRIVE = "virtual media"
    """Its BMC shows it in a drive."""
    UEFI_HTTP = "uefi http"
    """Its firmware fetches it from the address that the BMC names."""


@runtime_checkable
class BootsMedium(Protocol):
    """A boot interface whose ramdisk comes on an image that the controller makes for the machine."""

    medium: MediumWay
    media_interface: str
    """The management interface whose driver shows it to the machine, where the node's own cannot."""


class DeployInterface(Interface, Protocol):
    """Brings an instance onto a machine."""

    agent_in: Collection[Kind]
    """The workflows that boot the ramdisk; the others have no agent, and only steps that need none."""
    core_steps: tuple[StepSpec, ...]
    """The steps that every deployment has."""
    arguments: Mapping[str, Callable[[Node, Settings], Mapping[str, Any]]]
    """What the agent's core steps are told, by step."""

    def target(self, node: Node) -> BootTarget:
        """Return what the machine boots when it boots its instance."""

    def fits(self, node: Node) -> bool:
        """Say whether the node's ``instance_info`` asks for this way of deploying (for ``autodetect``); asks nobody."""

    def check(self, node: Node, settings: Settings) -> None:
        """Raise ``Invalid`` for what the agent would refuse; asks nobody."""

    def ask_servers(self, node: Node, settings: Settings) -> tuple[str, ...]:
        """Ask those who have the image; return warnings, raise ``Invalid``."""


@runtime_checkable
class ChoosesDeploy(Protocol):
    """A deploy interface that leaves the work to another one."""

    def choose(
        self, node: Node, settings: Settings, possible: Mapping[str, DeployInterface]
    ) -> DeployInterface:
        """Return the one that does the work for a node, of those that its hardware type has, by name."""


class StorageInterface(Interface, Protocol):
    """Says whether the node's volume targets are what its instance is on."""

    boots_volumes: bool
    """It looks at them."""

    def deploying(self, deploy: DeployInterface, volumes: Volumes) -> DeployInterface:
        """Return what brings an instance onto the machine: ``deploy``, or what stands in its place with these volumes."""


class NetworkInterface(Interface, Protocol):
    """Says which of a client's virtual interfaces are on which ports."""

    keeps_vifs: bool
    """They are kept; else they are taken and forgotten."""
    connects: bool
    """Ports are attached to networks at their switches."""


@runtime_checkable
class ConsoleInterface(Interface, Protocol):
    """Shows what a machine shows."""

    def start(self, facts: Facts) -> None:
        """Begin to serve the console; it may be served already."""

    def stop(self, facts: Facts) -> None:
        """End that; it may have ended already."""

    def information(self, facts: Facts) -> Mapping[str, Any]:
        """Return how the console is reached: ``{"type": .., "url": ..}``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassthruMethod:
    """A method of a vendor interface, as ``GET .../vendor_passthru/methods`` tells it."""

    http_methods: tuple[str, ...]
    description: str
    call: Callable[[Facts, Mapping[str, Any]], Any]
    """Takes the node and the body; raises ``Invalid`` for what the body lacks. Returns within the BMC's time limit."""
    is_async: bool = True
    """Clients are answered 202 and get no result."""
    requires_exclusive_lock: bool = True


@runtime_checkable
class VendorInterface(Interface, Protocol):
    """Does what only machines of one vendor can."""

    methods: Mapping[str, PassthruMethod]


class RamdiskInterface(Interface, Protocol):
    """Inspects or rescues."""

    uses_ramdisk: bool
    """It boots the ramdisk; without it is done at once."""


def accept(_facts: Facts) -> None:
    """Find nothing wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """An implementation of a kind that needs no more than a name (``noop``, ``fake``), of inspection and of rescue."""

    properties: Mapping[str, str] = field(default_factory=dict)
    validate: Callable[[Facts], None] = accept
    uses_ramdisk: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSupported:
    """The implementations ``no-bios``, ``no-rescue``, ...: whoever asks for what the kind does is refused."""

    properties: Mapping[str, str] = field(default_factory=dict)
    uses_ramdisk: bool = False

    def validate(self, facts: Facts) -> None:
        """Find nothing wrong: nothing is asked of it."""


FAKE = Plain()
NOOP = Plain()
NOT_SUPPORTED = NotSupported()


@dataclass(frozen=True, slots=True, kw_only=True)
class Interfaces:
    """What one node has: an implementation of each kind."""

    names: Mapping[str, str]
    """By kind."""
    power: PowerInterface
    management: ManagementInterface
    boot: BootInterface
    deploy: DeployInterface
    inspect: RamdiskInterface
    rescue: RamdiskInterface
    bios: Interface
    console: Interface
    firmware: Interface
    network: NetworkInterface
    raid: Interface
    storage: StorageInterface
    vendor: Interface

    def of(self, kind: str) -> Interface:
        """Return the implementation of a kind."""
        found: Interface = getattr(self, kind)
        return found

    def supports(self, kind: str) -> bool:
        """Say whether the node can do what the kind is for."""
        return not isinstance(self.of(kind), NotSupported)

    def offering(self) -> tuple[OffersSteps, ...]:
        """Return the implementations that carry out steps without the ramdisk; one that serves several kinds stands there once."""
        found: dict[int, OffersSteps] = {}
        for kind in INTERFACE_KINDS:
            part = self.of(kind)
            if isinstance(part, OffersSteps):
                found[id(part)] = part
        return tuple(found.values())
