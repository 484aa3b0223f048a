"""Which address a request came from, also behind proxies. Pure."""

import ipaddress
from functools import lru_cache

from controller.setting_words import networks

_MOST_HOPS = 32
_MOST_SENDERS = 1024
"""So many are remembered: whoever asks once asks again."""
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@lru_cache(maxsize=_MOST_SENDERS)
def sender_of(remote: str | None, forwarded_for: str | None, trusted_proxies: str) -> str:
    """Return the address of whoever sent the request, in its usual form.

    Args:
        remote: The other end of the connection.
        forwarded_for: ``X-Forwarded-For``: each proxy adds, at the end, whom it got the request from. Who is not trusted could
            write anything, so it is read from its end for as long as the addresses are those of trusted proxies.
        trusted_proxies: The setting.
    """
    trusted = networks(trusted_proxies, "trusted_proxies")
    address = _address(remote or "")
    hops = (forwarded_for or "").split(",")[-_MOST_HOPS:]
    while address is not None and hops and any(address in network for network in trusted):
        hop = _address(hops.pop().strip())
        if hop is None:
            break
        address = hop
    return str(address) if address is not None else remote or ""


def _address(text: str) -> _Address | None:
    """Read an address, with a port or in brackets too; IPv4 inside IPv6 is IPv4, and a zone says nothing."""
    host = text.partition("]")[0].removeprefix("[") if text.startswith("[") else text
    if host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
