"""What ``driver_info`` says about an outlet of a PDU and how SNMP reaches it, parsed once; the keys are those of Ironic's ``snmp``. Pure."""

import re
from dataclasses import dataclass, field
from typing import Any

from controller.bmc.address import parse_address
from controller.bmc.driver_info_values import choice, number, text
from controller.bmc.snmp_outlets import AUTO, BY_NAME, Outlet, parse_outlet
from controller.errors import Invalid

_PORT = 161
_HIGHEST_PORT = 65535
_LONGEST_PAUSE_S = 20
_PAUSE_S = 5
_SHORTEST_KEY = 8
"""RFC 3414, 11.2: of a password that keys are made of."""
AUTH_PROTOCOLS = ("none", "md5", "sha", "sha224", "sha256", "sha384", "sha512")
PRIV_PROTOCOLS = ("none", "des", "3des", "aes", "aes192", "aes256", "aes192blmt", "aes256blmt")
_ENGINE_ID = re.compile("(?:0[xX])?((?:[0-9A-Fa-f]{2}){5,32})")
"""RFC 3411, 5: five to 32 bytes."""

PROPERTIES: dict[str, str] = {
    "snmp_address": "IP address or host name of the PDU, with its port if it is not 161. Required.",
    "snmp_outlet": "The outlet's number, or its whole index where PDUs are chained: 7, 2.7. Required.",
    "snmp_driver": f"Kind of PDU: {', '.join(sorted(BY_NAME))}; or {AUTO} (default): it is asked.",
    "snmp_port": "UDP port; default 161.",
    "snmp_version": "1 (default), 2c or 3.",
    "snmp_community": "Community to read and write with; versions 1 and 2c.",
    "snmp_community_read": "Community to read with, in the place of snmp_community.",
    "snmp_community_write": "Community to write with, in the place of snmp_community.",
    "snmp_user": "User; version 3.",
    "snmp_security": "Old name of snmp_user.",
    "snmp_auth_protocol": f"{', '.join(AUTH_PROTOCOLS)}; default: md5 with a snmp_auth_key, else none.",
    "snmp_auth_key": "Password to authenticate with, at least 8 letters; version 3.",
    "snmp_priv_protocol": f"{', '.join(PRIV_PROTOCOLS)}; default: des with a snmp_priv_key, else none.",
    "snmp_priv_key": "Password to encrypt with, at least 8 letters; version 3.",
    "snmp_context_engine_id": "Engine of the context, hexadecimal; default: the PDU's own.",
    "snmp_context_name": "Context; default: the nameless one.",
    "snmp_off_seconds": f"For how many seconds at least the outlet stays off before it is switched on again; default {_PAUSE_S}.",
}
"""``driver_info`` keys with a help text each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Community:
    """How versions 1 and 2c say who asks."""

    is_2c: bool
    read: str = field(repr=False)
    write: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """How version 3 says who asks (RFC 3414)."""

    name: str
    auth_protocol: str
    """One of ``AUTH_PROTOCOLS``."""
    auth_key: str = field(repr=False)
    priv_protocol: str
    """One of ``PRIV_PROTOCOLS``."""
    priv_key: str = field(repr=False)
    context_engine_id: bytes | None
    """``None`` = the PDU's own."""
    context_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SnmpTarget:
    """One outlet, and how to log in to its PDU; the secrets do not show in ``repr``."""

    address: str
    port: int
    outlet: Outlet
    driver: str
    """A key of ``BY_NAME``, or ``auto``."""
    login: Community | User
    off_s: float

    @property
    def pdu(self) -> str:
        """Return the PDU as messages name it."""
        return f"PDU {self.address} port {self.port}"

    @property
    def where(self) -> str:
        """Return the outlet as messages name it."""
        return f"{self.pdu} outlet {self.outlet}"


def parse_target(driver_info: dict[str, Any]) -> SnmpTarget:
    """Read a node's ``driver_info``.

    Raises:
        Invalid: A key is missing or malformed; the message names it and gives an example.
    """
    written = _required(driver_info, "snmp_address", "the PDU's address, for example 192.0.2.20")
    address = parse_address(written, "snmp_address")
    driver = str(driver_info.get("snmp_driver") or AUTO)
    if driver not in {AUTO, *BY_NAME}:
        known = ", ".join([AUTO, *sorted(BY_NAME)])
        raise Invalid(f"driver_info/snmp_driver is {driver[:40]!r}; choose from: {known}")
    version = choice(driver_info, "snmp_version", ("1", "2C", "3"), "1")
    port = number(
        driver_info, "snmp_port", default=address.port or _PORT, lowest=1, highest=_HIGHEST_PORT
    )
    pause = number(
        driver_info, "snmp_off_seconds", default=_PAUSE_S, lowest=0, highest=_LONGEST_PAUSE_S
    )
    return SnmpTarget(
        address=address.host,
        port=port,
        outlet=parse_outlet(_required(driver_info, "snmp_outlet", "the outlet, for example 7")),
        driver=driver,
        login=_user(driver_info) if version == "3" else _community(driver_info, version),
        off_s=float(pause),
    )


def _required(info: dict[str, Any], key: str, what: str) -> str:
    written = text(info, key)
    if not written.strip():
        raise Invalid(f"driver_info/{key} is missing: give {what}")
    return written


def _community(info: dict[str, Any], version: str) -> Community:
    both = text(info, "snmp_community")
    read = text(info, "snmp_community_read") or both
    write = text(info, "snmp_community_write") or both
    if not read or not write:
        raise Invalid(
            "driver_info/snmp_community is missing: give the community that may switch outlets, or snmp_community_read and"
            " snmp_community_write, or snmp_version 3 with snmp_user"
        )
    return Community(is_2c=version == "2C", read=read, write=write)


def _user(info: dict[str, Any]) -> User:
    name = text(info, "snmp_user", max_bytes=32) or text(info, "snmp_security", max_bytes=32)
    if not name:
        raise Invalid("driver_info/snmp_user is missing: SNMP version 3 needs a user")
    auth_protocol, auth_key = _protected(info, "auth", AUTH_PROTOCOLS, "md5")
    priv_protocol, priv_key = _protected(info, "priv", PRIV_PROTOCOLS, "des")
    if priv_protocol != "none" and auth_protocol == "none":
        raise Invalid(
            "driver_info/snmp_auth_key is missing: SNMP encrypts only what is authenticated; give snmp_auth_protocol and"
            " snmp_auth_key too"
        )
    engine = text(info, "snmp_context_engine_id")
    found = _ENGINE_ID.fullmatch(engine)
    if engine and not found:
        raise Invalid(
            f"driver_info/snmp_context_engine_id is {engine[:70]!r}; give 5 to 32 bytes as hexadecimal digits"
        )
    return User(
        name=name,
        auth_protocol=auth_protocol,
        auth_key=auth_key,
        priv_protocol=priv_protocol,
        priv_key=priv_key,
        context_engine_id=bytes.fromhex(found[1]) if found else None,
        context_name=text(info, "snmp_context_name"),
    )


def _protected(
    info: dict[str, Any], what: str, protocols: tuple[str, ...], default: str
) -> tuple[str, str]:
    """Return protocol and key of authentication or encryption; ``none`` and no key = without."""
    key = text(info, f"snmp_{what}_key")
    names = tuple(name.upper() for name in protocols)
    fallback = default.upper() if key else "NONE"
    protocol = choice(info, f"snmp_{what}_protocol", names, fallback).lower()
    if protocol == "none":
        return "none", ""
    if len(key) < _SHORTEST_KEY:
        raise Invalid(
            f"driver_info/snmp_{what}_key {'is missing' if not key else 'is too short'}: {protocol} needs a password of at least"
            f" {_SHORTEST_KEY} letters"
        )
    return protocol, key
