"""Bridging: one BMC passes requests on to another controller, which is the one that is meant (blade chassis).

Names and rules are Ironic's; addresses and channels are those of "IPMI v2.0" rev. 1.1, sections 6.12 and 6.13.
"""

from dataclasses import dataclass
from typing import Any

from controller.bmc.driver_info_values import choice, number
from controller.errors import Invalid

BRIDGE_PROPERTIES: dict[str, str] = {
    "ipmi_bridging": "no (default), single or dual; the last two go by the program ipmitool, which has to be installed.",
    "ipmi_target_channel": "Bridging: channel of the controller that is meant, 0 to 15. Required.",
    "ipmi_target_address": "Bridging: address of the controller that is meant, 1 to 255 or 0x01 to 0xff. Required.",
    "ipmi_transit_channel": "Dual bridging: channel of the controller between. Required.",
    "ipmi_transit_address": "Dual bridging: address of the controller between. Required.",
    "ipmi_local_address": "Bridging: address of the BMC that is logged in to; default 0x20.",
}
"""``driver_info`` keys with a help text each."""

_BMC_ADDRESS = 0x20
_MAX_CHANNEL = 15
_MAX_ADDRESS = 0xFF


@dataclass(frozen=True, slots=True, kw_only=True)
class IpmiBridge:
    """The way from the BMC that is logged in to to the controller that is meant."""

    target_channel: int
    target_address: int
    transit: tuple[int, int] | None
    """Channel and address of the controller between (dual bridging); ``None`` = single bridging."""
    local_address: int

    def __str__(self) -> str:
        """Return how messages name the target."""
        return f"0x{self.target_address:02x} on channel {self.target_channel}"


def parse_bridge(driver_info: dict[str, Any]) -> IpmiBridge | None:
    """Read the bridging keys; ``None`` = the BMC itself is meant.

    Raises:
        Invalid: A key is missing or malformed, or the target is the BMC itself.
    """
    kind = choice(driver_info, "ipmi_bridging", ("NO", "SINGLE", "DUAL"), "NO")
    if kind == "NO":
        return None
    wanted = ["ipmi_target_channel", "ipmi_target_address"]
    if kind == "DUAL":
        wanted += ["ipmi_transit_channel", "ipmi_transit_address"]
    missing = [f"driver_info/{key}" for key in wanted if driver_info.get(key) in (None, "")]
    if missing:
        raise Invalid(f"{', '.join(missing)} missing: ipmi_bridging {kind.lower()} needs it")
    bridge = IpmiBridge(
        target_channel=_channel(driver_info, "target"),
        target_address=_address(driver_info, "ipmi_target_address"),
        transit=(
            (_channel(driver_info, "transit"), _address(driver_info, "ipmi_transit_address"))
            if kind == "DUAL"
            else None
        ),
        local_address=_address(driver_info, "ipmi_local_address"),
    )
    # ipmitool then sends the request to the BMC itself: it would switch a machine that nobody meant.
    if bridge.target_address == bridge.local_address:
        raise Invalid(
            f"driver_info/ipmi_target_address 0x{bridge.target_address:02x} is the address of the BMC that is "
            "logged in to (ipmi_local_address, default 0x20); correct it, or set ipmi_bridging to no"
        )
    return bridge


def _channel(info: dict[str, Any], which: str) -> int:
    key = f"ipmi_{which}_channel"
    return number(info, key, default=0, lowest=0, highest=_MAX_CHANNEL, base=0)


def _address(info: dict[str, Any], key: str) -> int:
    return number(info, key, default=_BMC_ADDRESS, lowest=1, highest=_MAX_ADDRESS, base=0)
