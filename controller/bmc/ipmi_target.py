"""What ``driver_info`` says about an IPMI BMC, parsed once; shared by both IPMI drivers."""

import logging
import re
from dataclasses import dataclass, field
from typing import Any

from controller.bmc.driver_info_values import boolean, choice, number, text
from controller.bmc.ipmi_bridge import BRIDGE_PROPERTIES, IpmiBridge, parse_bridge
from controller.errors import Invalid

log = logging.getLogger(__name__)

PROPERTIES: dict[str, str] = {
    "ipmi_address": "IP address or host name of the BMC. Required.",
    "ipmi_username": "User name; default: the null user.",
    "ipmi_password": "Password.",
    "ipmi_port": "UDP port; default 623.",
    "ipmi_priv_level": "ADMINISTRATOR (default), OPERATOR, USER or CALLBACK.",
    "ipmi_cipher_suite": "3 or 17; default: 17, then 3 if the BMC does not know 17.",
    "ipmi_hex_kg_key": "Kg key for two-key logins: 40 hexadecimal digits.",
    "ipmi_protocol_version": "2.0 (default); 1.5 needs power_interface ipmitool-cli.",
    "ipmi_force_boot_device": "Accepted; the boot device is set before every boot in any case.",
    "ipmi_disable_boot_timeout": "Ask the BMC to keep the boot device longer than 60 s; default true.",
    "ipmi_terminal_port": "Accepted; consoles are not served yet.",
    **BRIDGE_PROPERTIES,
}
"""``driver_info`` keys with a help text each."""

_PRIVILEGE_LEVELS = {"CALLBACK": 1, "USER": 2, "OPERATOR": 3, "ADMINISTRATOR": 4}
_CIPHER_SUITES = (3, 17)
_KG_HEX = re.compile(r"[0-9A-Fa-f]{40}")
_MAX_USERNAME_BYTES = 16
_MAX_PASSWORD_BYTES = 20
_MAX_PORT = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class IpmiTarget:
    """One BMC and how to log in to it; the secrets do not show in ``repr``."""

    address: str
    port: int
    username: str
    password: str = field(repr=False)
    privilege: str
    """``ADMINISTRATOR``, ``OPERATOR``, ``USER`` or ``CALLBACK``."""
    cipher_suite: int | None
    """3 or 17; ``None`` = the best that the BMC knows."""
    kg: bytes | None = field(repr=False)
    """The BMC's own key; ``None`` = one-key login."""
    protocol_version: str
    disables_boot_timeout: bool
    bridge: IpmiBridge | None
    """The way to another controller behind this BMC; ``None`` = the BMC itself is meant."""

    @property
    def where(self) -> str:
        """Return address, port and bridge as messages name the BMC."""
        behind = f" bridged to {self.bridge}" if self.bridge else ""
        return f"{self.address} port {self.port}{behind}"

    @property
    def privilege_level(self) -> int:
        """Return the privilege as IPMI counts it, 1 to 4."""
        return _PRIVILEGE_LEVELS[self.privilege]


def parse_target(driver_info: dict[str, Any]) -> IpmiTarget:
    """Read a node's ``driver_info``.

    Raises:
        Invalid: A key is missing or malformed; the message names it and gives an example.
    """
    address = text(driver_info, "ipmi_address").strip()
    if not address:
        raise Invalid(
            "driver_info/ipmi_address is missing: give the BMC's address, for example 192.0.2.10"
        )
    version = choice(driver_info, "ipmi_protocol_version", ("2.0", "1.5"), "2.0")
    return IpmiTarget(
        address=address,
        port=number(driver_info, "ipmi_port", default=623, lowest=1, highest=_MAX_PORT),
        username=text(driver_info, "ipmi_username", max_bytes=_MAX_USERNAME_BYTES),
        password=text(driver_info, "ipmi_password", max_bytes=_MAX_PASSWORD_BYTES),
        privilege=choice(driver_info, "ipmi_priv_level", tuple(_PRIVILEGE_LEVELS), "ADMINISTRATOR"),
        cipher_suite=_cipher_suite(driver_info, version),
        kg=_kg(driver_info),
        protocol_version=version,
        disables_boot_timeout=boolean(driver_info, "ipmi_disable_boot_timeout", default=True),
        bridge=parse_bridge(driver_info),
    )


def warn_of_unknown_keys(driver_info: dict[str, Any]) -> None:
    """Log the IPMI keys that have no effect, which may be misspelt; their values are not shown."""
    unknown = sorted(
        key for key in driver_info if key.startswith("ipmi_") and key not in PROPERTIES
    )
    if unknown:
        log.warning(
            "driver_info has IPMI keys that this driver does not know; they have no effect",
            extra={"keys": unknown, "ipmi_address": driver_info.get("ipmi_address")},
        )


def _cipher_suite(info: dict[str, Any], protocol_version: str) -> int | None:
    value = info.get("ipmi_cipher_suite")
    if value is None or value == "":
        return None
    if protocol_version == "1.5":
        raise Invalid("driver_info/ipmi_cipher_suite does not go with IPMI 1.5; remove it")
    if str(value) not in map(str, _CIPHER_SUITES):
        message = f"driver_info/ipmi_cipher_suite is {value!r}; choose 3 (SHA-1) or 17 (SHA-256), or leave it out"
        raise Invalid(message)
    return int(value)


def _kg(info: dict[str, Any]) -> bytes | None:
    value = info.get("ipmi_hex_kg_key")
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not _KG_HEX.fullmatch(value):
        raise Invalid("driver_info/ipmi_hex_kg_key must be 40 hexadecimal digits (20 bytes)")
    return bytes.fromhex(value)
