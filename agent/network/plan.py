"""Decides how a described network is set up on the cards that there are. Pure: values in, commands out."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from agent.network.arguments import BOOT_CARD
from agent.network.description import (
    Address,
    BadDescription,
    Description,
    Interface,
    Link,
    LinkKind,
    Method,
    Network,
)

_LONGEST_NAME = 15
"""Of an interface in the kernel (IFNAMSIZ, linux/if.h)."""
_HIGHEST_VLAN = 4094
_DEEPEST = 8
_LOAD_BONDING = ("modprobe", "bonding", "max_bonds=0")
"""Loaded by the first bond, the module makes a ``bond0`` of its own beforehand, which is then in the way."""
_METRIC = "100"
"""As of the card that the machine was started from; see dhcp-event in the ramdisk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A network card as the kernel knows it; ``mac`` in lower case with colons."""

    name: str
    mac: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkPlan:
    """What to do, in this order: ``commands``, then ask for the addresses of ``asks``."""

    commands: tuple[tuple[str, ...], ...] = ()
    asks: tuple[tuple[Method, str], ...] = ()
    """Interfaces, by their names in the kernel, that get an address by DHCP or DHCPv6."""
    addresses: tuple[tuple[str, Interface], ...] = ()
    """Interfaces, by their names in the kernel, and the static addresses that the commands give them."""
    claimed: tuple[str, ...] = ()
    """Cards that nobody else may set up."""
    name_servers: tuple[Address, ...] = ()
    missing: tuple[str, ...] = ()
    """What was left out and why; the rest is still good."""


@dataclass(slots=True)
class _Builder:
    links: Mapping[str, Link]
    cards: Sequence[Card]
    existing: Collection[str]
    commands: list[tuple[str, ...]] = field(default_factory=list)
    names: dict[str, str | None] = field(default_factory=dict)
    claimed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def plan_network(
    description: Description, cards: Sequence[Card], existing: Collection[str] = ()
) -> NetworkPlan:
    """Return what sets ``description`` up on ``cards``; a link whose cards are not there is left out and named in ``missing``.

    Args:
        description: The links and networks that are wanted.
        cards: The cards that there are.
        existing: Every interface that there is; bonds and VLANs that are to be made are removed first.

    Raises:
        BadDescription: Links refer to what is not described, to themselves, or have impossible numbers.
    """
    links = {link.name: link for link in description.links}
    builder = _Builder(links=links, cards=cards, existing=existing)
    asks, addresses = [], []
    for name in builder.links:
        _interface_of(builder, name, 0)
    for network in description.networks:
        interface = _interface_of(builder, network.link, 0)
        if interface is None:
            continue
        # A card that carries only VLANs is still asked about by whoever asks all cards: it is not claimed by them.
        if network.link in builder.links and builder.links[network.link].kind is LinkKind.CARD:
            builder.claimed.append(interface)
        if network.method in (Method.DHCP, Method.DHCP6):
            asks.append((network.method, interface))
        if network.address is not None:
            addresses.append((interface, network.address))
            builder.commands += _address_commands(interface, network, network.address)
    return NetworkPlan(
        commands=tuple(builder.commands),
        asks=tuple(dict.fromkeys(asks)),
        addresses=tuple(addresses),
        claimed=tuple(dict.fromkeys(builder.claimed)),
        name_servers=description.name_servers,
        missing=tuple(builder.missing),
    )


def missing_cards(description: Description, cards: Sequence[Card]) -> tuple[str, ...]:
    """Return the described cards that are not there (yet), by the names of the description."""
    return tuple(
        link.name
        for link in description.links
        if link.kind is LinkKind.CARD and _card_of(link, cards) is None
    )


def _interface_of(builder: _Builder, name: str, depth: int) -> str | None:
    """Return a link's name in the kernel, having planned to make it; ``None`` = its cards are not there."""
    if name in builder.names:
        return builder.names[name]
    link = builder.links.get(name)
    if link is None:
        raise BadDescription(f"link {name!r} is not described")
    if depth > _DEEPEST:
        raise BadDescription(f"link {name!r} lies on itself, or on more than {_DEEPEST} others")
    made = _MAKERS[link.kind](builder, link, depth)
    builder.names[name] = made
    return made


def _use_card(builder: _Builder, link: Link, _depth: int) -> str | None:
    card = _card_of(link, builder.cards)
    if card is None:
        there = ", ".join(f"{c.name} {c.mac}" for c in builder.cards) or "none"
        builder.missing.append(f"{link.name}: no card {link.mac or link.name}; there are: {there}")
        return None
    builder.commands += _bring_up(card.name, link)
    return card.name


def _make_vlan(builder: _Builder, link: Link, depth: int) -> str | None:
    if not 1 <= link.vlan_id <= _HIGHEST_VLAN:
        raise BadDescription(
            f"link {link.name!r}: {link.vlan_id} is no VLAN (1 to {_HIGHEST_VLAN})"
        )
    below = _interface_of(builder, link.below, depth + 1)
    if below is None:
        builder.missing.append(f"{link.name}: what carries it ({link.below}) is not there")
        return None
    name = f"{below}.{link.vlan_id}"
    if len(name) > _LONGEST_NAME:
        name = f"vlan{link.vlan_id}"
    builder.commands += _remove(builder, name)
    builder.commands.append(
        ("ip", "link", "add", "link", below, "name", name, "type", "vlan", "id", str(link.vlan_id))
    )
    builder.commands += _address_of_link(name, link)
    builder.commands += _bring_up(name, link)
    return name


def _make_bond(builder: _Builder, link: Link, depth: int) -> str | None:
    found = [_interface_of(builder, member, depth + 1) for member in link.members]
    members = [member for member in found if member is not None]
    if not members:
        builder.missing.append(f"{link.name}: none of its members is there")
        return None
    bonds = [other for other, known in builder.links.items() if known.kind is LinkKind.BOND]
    name = f"bond{bonds.index(link.name)}"
    options = [word for pair in link.options for word in pair]
    if _LOAD_BONDING not in builder.commands:
        builder.commands.append(_LOAD_BONDING)
    builder.commands += _remove(builder, name)
    builder.commands.append(("ip", "link", "add", name, "type", "bond", *options))
    builder.commands += _address_of_link(name, link)
    for member in members:  # a card joins while it is down
        builder.commands.append(("ip", "link", "set", member, "down"))
        builder.commands.append(("ip", "link", "set", member, "master", name))
        builder.commands.append(("ip", "link", "set", member, "up"))
    builder.claimed += members
    builder.commands += _bring_up(name, link)
    return name


_MAKERS = {LinkKind.CARD: _use_card, LinkKind.VLAN: _make_vlan, LinkKind.BOND: _make_bond}


def _card_of(link: Link, cards: Sequence[Card]) -> Card | None:
    for card in cards:
        if card.mac == link.mac or (link.mac is None and card.name == link.name):
            return card
    return cards[0] if link.name == BOOT_CARD and link.mac is None and cards else None


def _remove(builder: _Builder, name: str) -> Iterator[tuple[str, ...]]:
    if name in builder.existing:
        yield ("ip", "link", "delete", name)


def _address_of_link(name: str, link: Link) -> Iterator[tuple[str, ...]]:
    if link.mac is not None:
        yield ("ip", "link", "set", name, "address", link.mac)


def _bring_up(name: str, link: Link) -> Iterator[tuple[str, ...]]:
    if link.mtu is not None:
        yield ("ip", "link", "set", name, "mtu", str(link.mtu))
    yield ("ip", "link", "set", name, "up")


def _address_commands(name: str, network: Network, address: Interface) -> Iterator[tuple[str, ...]]:
    family = f"-{address.version}"
    # An IPv6 address would be tentative for a second; nobody else was asked whether it is free either way.
    more = ("broadcast", "+") if address.version == 4 else ("nodad",)  # noqa: PLR2004  # an IP version
    yield ("ip", family, "address", "replace", str(address), *more, "dev", name)
    for route in network.routes:
        via = ("via", str(route.gateway), "dev", name, "onlink", "metric", _METRIC)
        yield ("ip", f"-{route.gateway.version}", "route", "replace", str(route.destination), *via)
