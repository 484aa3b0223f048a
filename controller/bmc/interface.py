"""What a BMC driver is: a factory found by entry point (group ``ingot.bmc_drivers``) and a small connection protocol.

Every call returns or raises before its deadline; nothing here ever shows a password.
"""

from dataclasses import dataclass
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


class Bmc(Protocol):
    """One BMC. Safe to use from several threads; calls to one BMC do not overlap.

    Every method raises ``BmcUnreachable`` (temporary), ``BmcAuthenticationFailed`` or ``BmcError`` within ``timeout_s`` seconds.
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

    def boot_device(self, *, timeout_s: float) -> BootOverride:
        """Ask for the boot device override."""

    def set_boot_device(
        self, device: BootDevice, *, mode: BootMode, persistent: bool, timeout_s: float
    ) -> None:
        """Set the boot device override, once or persistent, for the firmware mode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Under which name nodes choose a driver that is not Ingot's own."""

    interface: str
    """Name of the power and management interface that the driver adds."""
    hardware_types: tuple[str, ...]
    """Hardware types that get it: ``ipmi`` or ``fake-hardware``, or a new one whose default it then is."""


@runtime_checkable
class OffersInterface(Protocol):
    """A driver that adds an interface; part of ``BmcDriver`` for everything that is installed beside Ingot."""

    offer: Offer


class BmcDriver(Protocol):
    """A kind of BMC, made once per process."""

    properties: dict[str, str]
    """``driver_info`` keys with a help text each, as ``GET /v1/drivers/<name>/properties`` shows them."""

    def validate(self, driver_info: dict[str, Any]) -> None:
        """Raise ``Invalid`` naming the missing or malformed ``driver_info`` key and an example."""

    def connect(self, driver_info: dict[str, Any]) -> Bmc:
        """Return the (possibly cached) BMC that ``driver_info`` describes; opens nothing yet.

        Raises:
            Invalid: As :meth:`validate`.
        """
