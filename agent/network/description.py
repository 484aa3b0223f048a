"""What a network shall be like, whoever described it: links, addresses on them, name servers. Values only."""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)

Address = IPv4Address | IPv6Address
Interface = IPv4Interface | IPv6Interface
Prefix = IPv4Network | IPv6Network


class BadDescription(ValueError):
    """A description cannot be understood; the message says which part and why."""


class LinkKind(StrEnum):
    """What a link is made of."""

    CARD = "card"
    VLAN = "vlan"
    BOND = "bond"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link; ``name`` is how the description calls it, which need not be its name in the kernel."""

    name: str
    kind: LinkKind
    mac: str | None = None
    """Of a card: the one it is known by. Of others: the one they shall have; ``None`` = as the kernel chooses."""
    mtu: int | None = None
    below: str = ""
    """Of a VLAN: the link that carries it."""
    vlan_id: int = 0
    """1 to 4094."""
    members: tuple[str, ...] = ()
    """Of a bond, in its order."""
    options: tuple[tuple[str, str], ...] = ()
    """Of a bond, by the names of ``ip link``; the mode first."""


class Method(StrEnum):
    """How a link comes to an address."""

    STATIC = "static"
    DHCP = "dhcp"
    DHCP6 = "dhcp6"
    SLAAC = "slaac"
    """By a router's advertisement: nothing to do, the kernel listens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A way through ``gateway``."""

    destination: Prefix
    gateway: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """An address on a link; ``address`` is there when it is static, and only then."""

    link: str
    method: Method
    address: Interface | None = None
    routes: tuple[Route, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """Everything that was described."""

    links: tuple[Link, ...] = ()
    networks: tuple[Network, ...] = ()
    name_servers: tuple[Address, ...] = ()
    only: bool = False
    """Whether cards that are not described stay without an address; else they ask for one by DHCP."""

    def __bool__(self) -> bool:
        return bool(self.links or self.networks)
