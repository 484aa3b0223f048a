"""What a machine's firmware tells of itself, as BMCs say it: the settings of its BIOS, and the versions of its parts.

A connection that has the method has the ability; what holds for its calls stands in ``abilities.py``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from agent.protocol.secret_names import is_secret

_CHOICES = frozenset({"Enumeration", "Boolean"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BiosSetting:
    """One setting of a BIOS; all but its name and value may be unknown (Redfish calls that the attribute registry)."""

    name: str
    value: str | None
    attribute_type: str | None = None
    """``Enumeration``, ``String``, ``Integer``, ``Boolean`` or ``Password``."""
    allowable_values: tuple[str, ...] | None = None
    lower_bound: int | None = None
    upper_bound: int | None = None
    min_length: int | None = None
    max_length: int | None = None
    read_only: bool | None = None
    reset_required: bool | None = None
    unique: bool | None = None
    """It is of this machine alone, and not to be copied to others."""

    @property
    def is_password(self) -> bool:
        """Whether the value must not be shown; some BMCs call a password a string, and some settings of passwords are choices."""
        is_choice = self.attribute_type in _CHOICES
        return self.attribute_type == "Password" or (is_secret(self.name) and not is_choice)


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareComponent:
    """A part of a machine that has firmware of its own."""

    component: str
    """``bios``, ``bmc``, ``nic:..``."""
    current_version: str | None
    vendor: str | None = None
    model: str | None = None
    serial_number: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Firmware:
    """What was found; ``None`` = nobody tells, or it could not be asked: what was known stays."""

    bios: tuple[BiosSetting, ...] | None = None
    components: tuple[FirmwareComponent, ...] | None = None


@runtime_checkable
class TellsBiosSettings(Protocol):
    """Can read the settings of the BIOS."""

    def bios_settings(self, *, timeout_s: float) -> Sequence[BiosSetting]:
        """Return all of them."""


@runtime_checkable
class TellsFirmware(Protocol):
    """Can say which firmware a machine has."""

    def firmware_components(self, *, timeout_s: float) -> Sequence[FirmwareComponent]:
        """Return every part and its version."""
