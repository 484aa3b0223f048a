"""What can happen to a machine of the lab."""

from dataclasses import dataclass
from enum import StrEnum


class EventKind(StrEnum):
    """What can happen to a machine."""

    POWER_ON = "power on"
    POWER_OFF = "power off"
    RESET = "reset"
    SOFT_OFF = "soft off asked"
    GUEST_SHUTDOWN = "guest shut down"
    GUEST_REBOOT = "guest rebooted"
    EXIT = "QEMU ended by itself"
    BOOT_DEVICE_SET = "boot device set"
    BOOT = "boot"
    """The firmware starts; the detail is the boot device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something happened at ``time_s`` (``time.monotonic()``)."""

    time_s: float
    kind: EventKind
    detail: str = ""
