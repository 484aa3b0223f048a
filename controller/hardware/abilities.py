"""What only some BMCs can do, each a protocol of its own: a connection that has the methods has the ability.

As with every call to a BMC: each method returns or raises ``BmcUnreachable`` (temporary), ``BmcAuthenticationFailed`` or
``BmcError`` within ``timeout_s`` seconds, and calls to one BMC do not overlap.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from controller.hardware.bmc import BootMode


class IndicatorState(StrEnum):
    """What a lamp does; the values are Ironic's."""

    ON = "on"
    OFF = "off"
    BLINKING = "blinking"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """A lamp on a machine."""

    states: tuple[IndicatorState, ...]
    """What it can do."""
    readonly: bool = False


class MediaDevice(StrEnum):
    """A drive that a BMC shows to the machine; the values are Ironic's."""

    DISK = "disk"
    CDROM = "cdrom"
    FLOPPY = "floppy"


Indicators = Mapping[str, Mapping[str, Indicator]]
"""By component (``chassis``, ``system``, ``disk``, ``power``, ``nic``) and name."""


@runtime_checkable
class Interrupts(Protocol):
    """Can send a non-maskable interrupt, for a crash dump of a system that hangs."""

    def inject_nmi(self, *, timeout_s: float) -> None:
        """Send it."""


@runtime_checkable
class SwitchesFirmware(Protocol):
    """Can change how the firmware boots; what is set holds from the next power-on."""

    def boot_mode(self, *, timeout_s: float) -> BootMode:
        """Ask for the boot mode."""

    def set_boot_mode(self, mode: BootMode, *, timeout_s: float) -> None:
        """Set the boot mode."""

    def secure_boot(self, *, timeout_s: float) -> bool:
        """Ask whether Secure Boot is on."""

    def set_secure_boot(self, is_on: bool, *, timeout_s: float) -> None:
        """Switch Secure Boot."""


@runtime_checkable
class HasIndicators(Protocol):
    """Can switch lamps, so that a person finds the machine."""

    def indicators(self, *, timeout_s: float) -> Indicators:
        """Say which lamps there are."""

    def indicator_state(self, component: str, name: str, *, timeout_s: float) -> IndicatorState:
        """Ask what one of them does."""

    def set_indicator_state(
        self, component: str, name: str, state: IndicatorState, *, timeout_s: float
    ) -> None:
        """Switch one of them."""


class Health(StrEnum):
    """How a machine is, as its BMC sums it up; the values are Redfish's and Ironic's."""

    OK = "OK"
    WARNING = "Warning"
    CRITICAL = "Critical"


_WORSE = (Health.OK, Health.WARNING, Health.CRITICAL)


def worst(*several: Health | None) -> Health | None:
    """Return the worst of these; ``None`` = none is known."""
    known = [one for one in several if one is not None]
    return max(known, key=_WORSE.index) if known else None


@runtime_checkable
class TellsHealth(Protocol):
    """Can say how the machine is."""

    def health(self, *, timeout_s: float) -> Health | None:
        """Say it, of the machine with all its parts; ``None`` = the BMC does not know."""


@runtime_checkable
class TellsAddresses(Protocol):
    """Can say under which addresses it is in its networks, which need not be the one that it was asked at."""

    def addresses(self, *, timeout_s: float) -> Sequence[str]:
        """Return IP addresses that others can reach; none that are unset, loopback or of one link."""


@runtime_checkable
class HasVirtualMedia(Protocol):
    """Can put an image into a drive that the machine sees."""

    def media(self, *, timeout_s: float) -> Mapping[MediaDevice, str | None]:
        """Ask which drives there are, and for the address of what is in each; ``None`` = it is empty."""

    def attach_media(
        self, device: MediaDevice, url: str, *, beside: bool = False, timeout_s: float
    ) -> str | None:
        """Put the image at an address into a drive, in place of what is in it.

        Args:
            device: The kind of drive; some drives can be of several kinds.
            url: Of the image.
            beside: Never in place of what is in a drive that can be of another kind too.
            timeout_s: Everything ends by then.

        Returns:
            The drive's name among those of its kind; ``None`` = there is one alone.

        Raises:
            NoDriveLeft: ``beside``, and no drive is free.
        """

    def detach_media(
        self, device: MediaDevice, *, drive: str | None = None, timeout_s: float
    ) -> None:
        """Empty a drive, which may be empty already; ``drive`` is its name, ``None`` = all that can be of the kind."""


@runtime_checkable
class BootsAddresses(Protocol):
    """Can have the firmware boot what is at an address (UEFI HTTP boot)."""

    def boot_next_address(self, url: str, *, timeout_s: float) -> None:
        """Have the next start, and only that, fetch and boot what is there."""
