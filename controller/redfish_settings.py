"""How long the controller waits for what Redfish BMCs do by themselves."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)  # a class has one base with slots, which is another
class RedfishSettings:
    """A part of ``Settings``, for nodes with the interfaces ``redfish`` of BIOS and firmware."""

    bios_apply_timeout_s: float = 1800.0
    """Longest time from the machine's start, with the ramdisk until its agent has called, until the BMC says that changed BIOS settings are there."""
    firmware_update_timeout_s: float = 7200.0
    """Longest time of one firmware update, from the order until the BMC answers again and says how it ended; with several components each has so much."""
