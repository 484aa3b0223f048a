"""Where a BMC is, in the forms in which people write it. Pure.

``192.0.2.10``, ``bmc.example``, ``host:623``, ``2001:db8::1``, ``[2001:db8::1]:623``, ``fe80::1%eth0``, ``ipmi://host``. Zones of
IPv6 addresses follow RFC 4007, brackets RFC 3986; names of hosts RFC 1123, with the underscore that name servers take.
"""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from controller.errors import Invalid

_HIGHEST_PORT = 65535
_LONGEST_NAME = 253
_LABEL = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_ONLY_NUMBERS = re.compile(r"[0-9.]+")
_IN_BRACKETS = re.compile(r"\[(?P<host>[^\[\]]*)\](?::(?P<port>.*))?", re.DOTALL)
_WITH_PORT = re.compile(r"(?P<host>[^:]*):(?P<port>[^:]*)", re.DOTALL)
_ZONE = re.compile("[A-Za-z0-9._~@-]{1,15}")
"""Names of network interfaces; Linux has at most 15 letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BmcAddress:
    """A host, an IPv6 address without brackets, and the port if one was written."""

    host: str
    port: int | None


def parse_address(written: str, key: str) -> BmcAddress:
    """Read the address of a BMC.

    Args:
        written: What somebody wrote; spaces around it do not count.
        key: Its key in ``driver_info``, for messages.

    Raises:
        Invalid: It is none; the message says how to write it and shows no password.
    """
    text = _without_scheme(written.strip(), key)
    found = _IN_BRACKETS.fullmatch(text)
    if found:
        _check_ipv6(found["host"], key)
    else:
        found = _WITH_PORT.fullmatch(text)
    if found is None:
        return BmcAddress(host=_checked_host(text, key), port=None)
    port = found["port"]
    return BmcAddress(
        host=_checked_host(found["host"], key), port=None if port is None else _port(port, key)
    )


def _without_scheme(text: str, key: str) -> str:
    scheme, mark, rest = text.partition("://")
    if not mark:
        return text
    if scheme.lower() != "ipmi":
        raise Invalid(
            f"driver_info/{key} is a URL of kind {scheme[:20]!r}; IPMI wants a host: 192.0.2.10, bmc.example or ipmi://host"
        )
    rest = rest.removesuffix("/")
    if "@" in rest or "/" in rest or "?" in rest:
        raise Invalid(
            f"driver_info/{key} has more than host and port; put user and password into ipmi_username and ipmi_password"
        )
    return rest


def _checked_host(host: str, key: str) -> str:
    if not host:
        raise Invalid(f"driver_info/{key} names no host; give the BMC's address, e.g. 192.0.2.10")
    if ":" in host:
        _check_ipv6(host, key)
        return host
    if not host.isascii():
        raise Invalid(
            f"driver_info/{key} has letters beyond ASCII: {host[:80]!r}; give the IP address, or the name as name servers"
            " have it (xn--...)"
        )
    if _ONLY_NUMBERS.fullmatch(host) and not _is_ipv4(host):
        raise Invalid(
            f"driver_info/{key} is {host[:80]!r}, which is no IP address; give four numbers up to 255"
        )
    if len(host) > _LONGEST_NAME or not _NAME.fullmatch(host):
        raise Invalid(
            f"driver_info/{key} is {host[:80]!r}, which is no host; give e.g. 192.0.2.10, bmc.example:623 or [2001:db8::1]:623"
        )
    return host


def _check_ipv6(host: str, key: str) -> None:
    address, percent, zone = host.partition("%")
    try:
        IPv6Address(address)
    except AddressValueError as error:
        raise Invalid(
            f"driver_info/{key}: {host[:80]!r} is no IPv6 address; write [2001:db8::1]:623, or 2001:db8::1 without a port"
        ) from error
    if percent and not _ZONE.fullmatch(zone):
        raise Invalid(
            f"driver_info/{key}: {zone[:20]!r} is no network interface; write fe80::1%eth0"
        )


def _is_ipv4(host: str) -> bool:
    try:
        IPv4Address(host)
    except AddressValueError:
        return False
    return True


def _port(text: str, key: str) -> int:
    port = int(text) if re.fullmatch("[0-9]{1,5}", text) else 0
    if not 1 <= port <= _HIGHEST_PORT:
        raise Invalid(
            f"driver_info/{key}: the port {text[:20]!r} is no number from 1 to {_HIGHEST_PORT}"
        )
    return port
