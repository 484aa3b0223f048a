"""Words and texts of OpenStack's ``network_data.json`` that the API's rule and the ramdisk read alike. Pure.

Sources: the schema by which Ironic checks a node's ``network_data`` (API 1.66), and Nova's ``nova/virt/netutils.py``, which writes the modes of
Neutron's IPv6 subnets as types that neither's schema has.
"""

import re
from enum import StrEnum

_SCOPED = re.compile(r"(fe80:[0-9a-f:]*)%[0-9a-z]+(/[0-9]{1,3})?", re.IGNORECASE | re.ASCII)


class NetworkType(StrEnum):
    """How a network's address comes about."""

    IPV4 = "ipv4"
    IPV4_DHCP = "ipv4_dhcp"
    IPV6 = "ipv6"
    IPV6_DHCP = "ipv6_dhcp"
    IPV6_SLAAC = "ipv6_slaac"
    IPV6_DHCP_STATEFUL = "ipv6_dhcpv6-stateful"
    IPV6_DHCP_STATELESS = "ipv6_dhcpv6-stateless"


def without_scope(text: str) -> str:
    """Return an IP address, perhaps with its prefix length, without the scope that a link-local one may have (``fe80::1%eth0/64``).

    A scope is letters and digits, as in Ironic's schema; nothing else of the text is looked at.

    Raises:
        ValueError: There is a percent sign, and not in such an address.
    """
    if "%" not in text:
        return text
    found = _SCOPED.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text[:100]!r} is no address: a scope has letters and digits, after an address of fe80::/64"
        )
    return found[1] + (found[2] or "")
