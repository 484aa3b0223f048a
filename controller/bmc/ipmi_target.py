"""What ``driver_info`` says about an IPMI BMC, parsed once; shared by both IPMI drivers."""

import logging
import re
from dataclasses import dataclass, field
from typing import Any

from controller.bmc.address import BmcAddress, parse_address
from controller.bmc.driver_info_values import boolean, choice, number, text
from controller.bmc.ipmi_bridge import BRIDGE_PROPERTIES, IpmiBridge, parse_bridge
from controller.errors import Invalid

log = logging.getLogger(__name__)

PROPERTIES: dict[str, str] = {
    "ipmi_address": "IP address or host name of the BMC, with its port if it is not 623: 192.0.2.10, bmc.example:6230, [2001:db8::1]:623. Required.",
    "ipmi_username": "User name; default: the null user.",
    "ipmi_password": "Password.",
    "ipmi_port": "UDP port; default 623.",
    "ipmi_priv_level": "ADMINISTRATOR (default), OPERATOR, USER or CALLBACK.",
    "ipmi_cipher_suite": "0 to 3, 6 to 8, 11, 12 or 15 to 17; default: 17, then 3 if the BMC does not know 17.",
    "ipmi_hex_kg_key": "Kg key for two-key logins: up to 40 hexadecimal digits, two for each byte; a shorter key is filled up with zeros.",
    "ipmi_protocol_version": "2.0 (default, lanplus) or 1.5 (lan).",
    "ipmi_force_boot_device": "Accepted; the boot device is set before every boot in any case.",
    "ipmi_disable_boot_timeout": "Ask the BMC to keep the boot device longer than 60 s; default true.",
    "ipmi_terminal_port": "TCP port of the console, one of console_port_range that no other node's console has or has had; any of these otherwise.",
    **BRIDGE_PROPERTIES,
}
"""``driver_info`` keys with a help text each."""

_PRIVILEGE_LEVELS = {"CALLBACK": 1, "USER": 2, "OPERATOR": 3, "ADMINISTRATOR": 4}
CIPHER_SUITES = (0, 1, 2, 3, 6, 7, 8, 11, 12, 15, 16, 17)
"""IPMI 2.0 table 22-20, without those that encrypt with xRC4, which no program here knows."""
_KG_HEX = re.compile(r"(?:0[xX])?((?:[0-9A-Fa-f]{2}){1,20})")
_MAX_USERNAME_BYTES = 16
_MAX_PASSWORD_BYTES = 20
_MAX_OLD_PASSWORD_BYTES = 16
"""Of IPMI 1.5; ipmitool would cut it off without a word."""
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
    """Number of the cipher suite; ``None`` = the better of 3 and 17 that the BMC knows."""
    kg: bytes | None = field(repr=False)
    """The BMC's own key without the zeros at its end, which HMAC adds; ``None`` = one-key login."""
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
    written = text(driver_info, "ipmi_address")
    if not written.strip():
        raise Invalid(
            "driver_info/ipmi_address is missing: give the BMC's address, for example 192.0.2.10"
        )
    address = parse_address(written, "ipmi_address")
    version = choice(driver_info, "ipmi_protocol_version", ("2.0", "1.5"), "2.0")
    return IpmiTarget(
        address=address.host,
        port=_port(driver_info, address),
        username=text(driver_info, "ipmi_username", max_bytes=_MAX_USERNAME_BYTES),
        password=text(
            driver_info,
            "ipmi_password",
            max_bytes=_MAX_PASSWORD_BYTES if version == "2.0" else _MAX_OLD_PASSWORD_BYTES,
        ),
        privilege=choice(driver_info, "ipmi_priv_level", tuple(_PRIVILEGE_LEVELS), "ADMINISTRATOR"),
        cipher_suite=_cipher_suite(driver_info, version),
        kg=_kg(driver_info),
        protocol_version=version,
        disables_boot_timeout=boolean(driver_info, "ipmi_disable_boot_timeout", default=True),
        bridge=parse_bridge(driver_info),
    )


def _port(info: dict[str, Any], address: BmcAddress) -> int:
    port = number(info, "ipmi_port", default=address.port or 623, lowest=1, highest=_MAX_PORT)
    if address.port not in (None, port):
        raise Invalid(
            f"driver_info/ipmi_address says port {address.port}, ipmi_port says {port}; remove one of the two"
        )
    return port


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
    if str(value) not in map(str, CIPHER_SUITES):
        possible = ", ".join(map(str, CIPHER_SUITES))
        message = (
            f"driver_info/ipmi_cipher_suite is {value!r}; choose 17 (SHA-256) or 3 (SHA-1), for old BMCs another of "
            f"{possible}, or leave it out"
        )
        raise Invalid(message)
    return int(value)


def _kg(info: dict[str, Any]) -> bytes | None:
    value = info.get("ipmi_hex_kg_key")
    if value is None or value == "":
        return None
    found = _KG_HEX.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise Invalid(
            "driver_info/ipmi_hex_kg_key must be text of hexadecimal digits, two for each byte and at most 40 (20 bytes)"
        )
    key = bytes.fromhex(found[1]).rstrip(b"\0")
    if not key:
        raise Invalid(
            "driver_info/ipmi_hex_kg_key is all zeros, which means that the BMC has no such key; remove it"
        )
    return key
