"""What BMCs of one vendor do otherwise than others, in one table by vendor and model, each with its source. Pure.

What a service says of itself (``@Redfish.AllowableValues``) comes before anything here. Where all vendors can be treated alike, the code does so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controller.bmc.redfish_document import text


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirk:
    """One line of the table; what is not set is as with everybody."""

    vendor: str
    """How the system's ``Manufacturer`` begins, in lower case."""
    model: str = ""
    """How its ``Model`` begins, in lower case; empty = all."""
    source: str
    wants_whole_boot: bool = False
    """A boot override is refused, or half forgotten, unless device, mode and duration are all given, changed or not."""
    cards_fail: bool = False
    """Network adapters cannot be read at times, with another answer than 404."""
    names_have_versions: bool = False
    """Items of the firmware inventory are ``Installed-<id>-<version>__<device>``, and there are such of versions that do not run."""
    console_command: str = ""
    """What is typed in the BMC's shell (SSH) to enter the serial console, where Redfish does not say it."""
    console_port: int = 0
    """The TCP port where SSH is the serial console itself, where Redfish does not say it; 0 = there is none."""


QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        vendor="dell",
        source="recorded answers of a PowerEdge R750 (iDRAC 6.00.30.00), /redfish/v1/UpdateService/FirmwareInventory",
        names_have_versions=True,
    ),
    Quirk(
        vendor="supermicro",
        source="Ironic, ironic/drivers/modules/redfish/management.py, _set_boot_device (storyboard 2008547)",
        wants_whole_boot=True,
    ),
    Quirk(
        vendor="american megatrends",
        source="Ironic, ironic/drivers/modules/redfish/management.py, VENDORS_REQUIRING_FULL_BOOT_REQUEST",
        wants_whole_boot=True,
    ),
    Quirk(
        vendor="ami",
        source="Ironic, ironic/drivers/modules/redfish/management.py, VENDORS_REQUIRING_FULL_BOOT_REQUEST",
        wants_whole_boot=True,
    ),
    Quirk(
        vendor="asrockrack",
        source="Ironic, ironic/drivers/modules/redfish/management.py, VENDORS_REQUIRING_FULL_BOOT_REQUEST",
        wants_whole_boot=True,
    ),
    Quirk(
        vendor="hpe",
        source="Ironic, ironic/drivers/modules/redfish/firmware.py, cache_firmware_components (400 until the system has booted)",
        cards_fail=True,
    ),
    Quirk(
        vendor="dell",
        source="Dell, iDRAC9 User's Guide, Communicating with the managed system by SSH (console com2)",
        console_command="console com2",
    ),
    Quirk(
        vendor="hp",
        source="HPE, iLO 5 User Guide, Using the iLO Virtual Serial Port (VSP)",
        console_command="vsp",
    ),
    Quirk(
        vendor="lenovo",
        source="Lenovo, XClarity Controller User's Guide, console command (console 1)",
        console_command="console 1",
    ),
    Quirk(
        vendor="supermicro",
        source="Supermicro, SMASH: the target /system1/sol1, started as DMTF DSP0214 has it; not tried",
        console_command="start /system1/sol1",
    ),
)
CONSOLES: tuple[Quirk, ...] = (
    Quirk(
        vendor="",
        model="openbmc",
        source="OpenBMC, docs/console.md (port 2200)",
        console_port=2200,
    ),
)
"""What is known by the manager, whoever made the system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """What holds for one system; see ``Quirk``."""

    wants_whole_boot: bool = False
    cards_fail: bool = False
    names_have_versions: bool = False
    console_command: str = ""
    console_port: int = 0


def ways_of(system: Mapping[str, Any]) -> Ways:
    """Return what holds for a system by its document: every line that fits counts."""
    fitting = _fitting(QUIRKS, system)
    return Ways(
        wants_whole_boot=any(one.wants_whole_boot for one in fitting),
        cards_fail=any(one.cards_fail for one in fitting),
        names_have_versions=any(one.names_have_versions for one in fitting),
        console_command=next((one.console_command for one in fitting if one.console_command), ""),
    )


def console_ways_of(system: Mapping[str, Any], manager: Mapping[str, Any]) -> Ways:
    """Return what holds for a system's console: what its manager is counts before who made the system."""
    for one in _fitting(CONSOLES, manager):
        return Ways(console_command=one.console_command, console_port=one.console_port)
    return ways_of(system)


def _fitting(table: Sequence[Quirk], document: Mapping[str, Any]) -> list[Quirk]:
    vendor = (text(document, "Manufacturer") or "").lower()
    model = (text(document, "Model") or "").lower()
    return [one for one in table if vendor.startswith(one.vendor) and model.startswith(one.model)]
