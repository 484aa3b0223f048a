"""From where a ramdisk may speak for a node. Pure; reasons and limits are in docs/decisions/0022-who-speaks-for-a-node.md."""

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

NO_URL = "callback_url is no http(s) URL"


def lease_problem(sender: str, leases: Mapping[str, str], sender_check: str) -> str | None:
    """Return why ``sender`` is not taken for the node's machine; ``None`` = it is, or nothing is known.

    Args:
        sender: The address that the request came from.
        leases: The addresses that this site's DHCP gave to the node's ports, each with its card.
        sender_check: The setting.
    """
    if sender_check != "lease" or not leases or sender in leases:
        return None
    known = ", ".join(f"{address} to {mac}" for address, mac in sorted(leases.items()))
    return (
        f"it came from {sender}, but DHCP gave {known}; if that is the same machine, create ports for its other cards, "
        "name the proxies before the controller (trusted_proxies), or set sender_check"
    )


def asker_problem(sender: str, asker: str | None, sender_check: str) -> str | None:
    """Return why a result without a token is not taken where DHCP knows nothing; ``None`` = it is.

    Args:
        sender: The address that the request came from.
        asker: The address that asked for the ramdisk of this boot; ``None`` = it was not asked for here.
        sender_check: The setting.
    """
    if sender_check == "off" or asker is None or sender == asker:
        return None
    return (
        f"it came from {sender}, but {asker} asked for the ramdisk of this boot; if that is the same machine behind a proxy "
        'or with two DHCP servers, set trusted_proxies, or sender_check = "off"'
    )


def callback_problem(callback_url: str, sender: str, sender_check: str) -> str | None:
    """Return why the controller will not call an agent at this URL; ``None`` = it will.

    The host must be the address that the heartbeat came from, or anybody could make the controller call anything.
    """
    host = callback_host(callback_url)
    if host is None:
        return NO_URL
    if sender_check == "off" or _is_same(host, sender):
        return None
    return (
        "callback_url is at another address than the one that the heartbeat came from; if a proxy or NAT is between, set "
        'trusted_proxies, or sender_check = "off"'
    )


def callback_host(url: str) -> str | None:
    """Return the host of an http(s) URL; ``None`` = it is no such URL or names none."""
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme in {"http", "https"} and parts.port != 0
    except ValueError:  # brackets that do not close, a port that is no number
        return None
    return (parts.hostname or None) if is_whole else None


def _is_same(host: str, sender: str) -> bool:
    """Say whether a host is this address; names are not looked up, whoever answers for them may be anybody."""
    try:
        one, other = ipaddress.ip_address(host.partition("%")[0]), ipaddress.ip_address(sender)
    except ValueError:
        return False
    mapped = one.ipv4_mapped if isinstance(one, ipaddress.IPv6Address) else None
    return (mapped or one) == other
