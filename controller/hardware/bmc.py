"""How a machine is reached beside its operating system: connections to BMCs, and the steps that these carry out.

Every call returns or raises before its deadline; nothing here ever shows a password.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable


class PowerState(StrEnum):
    """Power states as BMCs report them; the values are Ironic's."""

    ON = "power on"
    OFF = "power off"
    ERROR = "error"


class PowerAction(StrEnum):
    """What a BMC can be told; the values are the ``target`` of Ironic's power API."""

    ON = "power on"
    OFF = "power off"
    SOFT_OFF = "soft power off"
    REBOOT = "rebooting"
    SOFT_REBOOT = "soft rebooting"


class BootDevice(StrEnum):
    """Boot devices; the values are Ironic's."""

    PXE = "pxe"
    DISK = "disk"
    CDROM = "cdrom"
    BIOS = "bios"
    SAFE = "safe"


class BootMode(StrEnum):
    """Firmware modes."""

    BIOS = "bios"
    UEFI = "uefi"


@dataclass(frozen=True, slots=True, kw_only=True)
class BootOverride:
    """The boot device as the BMC reports it; ``None`` = the BMC does not say."""

    device: BootDevice | None
    is_persistent: bool | None


class PowerControl(Protocol):
    """Switches one machine. Safe to use from several threads; calls to one BMC do not overlap.

    Every method raises ``BmcUnreachable`` (temporary), ``BmcAuthenticationFailed`` or ``BmcError`` within ``timeout_s`` seconds.
    A machine that is on already when it is told to power on, or off when it is told to power off, is no error, or ``AlreadySo``.
    """

    def power_state(self, *, timeout_s: float) -> PowerState:
        """Ask for the power state."""

    def power_on(self, *, timeout_s: float) -> None:
        """Tell the BMC to power on; does not wait for the machine to be on."""

    def power_off(self, *, timeout_s: float) -> None:
        """Cut the power; does not wait."""

    def soft_power_off(self, *, timeout_s: float) -> None:
        """Ask the operating system to shut down (ACPI); does not wait."""

    def reset(self, *, timeout_s: float) -> None:
        """Reset a machine that is on."""


class ManagementControl(Protocol):
    """Says what one machine boots from; as :class:`PowerControl`."""

    def boot_device(self, *, timeout_s: float) -> BootOverride:
        """Ask for the boot device override."""

    def set_boot_device(
        self, device: BootDevice, *, mode: BootMode, persistent: bool, timeout_s: float
    ) -> None:
        """Set the boot device override, once or persistent, for the firmware mode."""


class AgentControl(Protocol):
    """The agent that has called back since the machine's last start, as far as it switches the machine."""

    def answers(self, *, timeout_s: float) -> bool:
        """Say whether it takes connections now."""

    def power_off(self, *, timeout_s: float) -> bool:
        """Have it switch the machine off; whether it took the order."""

    def restart(self, *, timeout_s: float) -> bool:
        """Have it start the machine over; whether it took the order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoweredNode:
    """What is known of a node to those who switch machines that have no BMC."""

    uuid: str
    label: str
    driver_info: Mapping[str, Any]
    macs: tuple[str, ...]
    """Of its ports."""
    power_state: str | None
    """What was last stored; ``None`` = nothing."""
    agent: AgentControl | None
    """``None`` = none has called back since the machine's last start."""


@runtime_checkable
class TellsWhatIsAsked(Protocol):
    """A connection for power whose orders a person may have to carry out, wholly or in part."""

    def asked(self, wanted: PowerState) -> str:
        """Return what was done, or is asked of a person, to get the machine there: for the node's history."""


@runtime_checkable
class CountsAsOff(Protocol):
    """A connection for power of a machine that perhaps nobody can switch off: ``power_off`` then raises ``NobodySwitchesOff``."""

    def count_as_off(self) -> None:
        """Take the machine as off from now on: a person says so, or another boot proves it soon."""


@runtime_checkable
class PressesButton(Protocol):
    """A connection for power whose soft power off may be a press of the power button: another press may switch the machine on."""

    def has_pressed_button(self) -> bool:
        """Say whether this connection pressed it, or may have: an answer that is lost says nothing."""


class Bmc(PowerControl, ManagementControl, Protocol):
    """One BMC that does both."""


NODE = "node"
"""Key of a BMC step's arguments: the fields of the node that it has to know (``BmcStep.node_fields``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepArgument:
    """An argument of a BMC's step."""

    description: str
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BmcStepLook:
    """What a look at a BMC's step found."""

    state: Mapping[str, Any] | None
    """What the next look needs (JSON values); ``None`` = the step has ended well."""
    message: str = ""
    """How far it is, for people; of a step that has ended: what came of it, for the node's history."""
    restarts: bool = False
    """The machine has to start anew before the next look: the workflow sees to it, with the ramdisk where that runs."""
    result: Mapping[str, Any] | None = None
    """What a step of ``raid`` that has ended says stands now: ``{"logical_disks": [..]}``, for the node's ``raid_config``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BmcStep:
    """A step that a BMC carries out, in cleaning, deployment, service or verification.

    ``begin`` and ``look`` are called in one thread after the other, maybe of other processes, and return before their time
    limit. ``begin`` may be called twice if the controller dies in it: it looks first. They raise ``BmcError`` and its kinds.
    """

    name: str
    interface: str
    """``bios``, ``firmware``, ``management``, ``power``, ``raid`` or ``vendor``."""
    priorities: Mapping[str, int]
    """By ``clean``, ``deploy``, ``service``, ``verify``; a workflow that is missing has not this step, 0 = on request, which for ``verify`` is the operator's."""
    begin: Callable[[Any, Mapping[str, Any], float], BmcStepLook]
    """Takes the connection of the implementation that offers it, the arguments, and the time limit in seconds."""
    look: Callable[[Any, Mapping[str, Any], float], BmcStepLook]
    """Takes the connection, the state of the last look, and the time limit in seconds."""
    arguments: Mapping[str, StepArgument] = field(default_factory=dict)
    abortable: bool = False
    requires_ramdisk: bool = False
    node_fields: tuple[str, ...] = ()
    """Fields of the node that ``begin`` finds in its arguments below ``NODE``."""
