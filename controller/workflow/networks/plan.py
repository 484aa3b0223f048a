"""Which port of which switch is set to what, at one moment of a node's life. Pure.

A plan names the whole state of a node's ports, not steps from one to the next: carried out twice it changes nothing, and it does not matter
what a workflow that ended in the middle has left. Where networks are named follows Ironic's ``ironic-networking``: ``driver_info`` before the settings
before the port's ``extra.switchport``. As with Ironic's ``neutron``, only ports that boot from the network are in the networks of workflows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from controller.errors import Invalid
from controller.switches.driver import Switch
from controller.switches.switch_file import NamedNetwork
from controller.switches.switchport import Mode, Switchport, parse_switchport, read_switchport

_IDLE = "idle"
_IDLE_KEY = "idle_network"
_UNMANAGED = "unmanaged"


class Moment(StrEnum):
    """When a node's ports move."""

    PROVISIONING = "provisioning"
    CLEANING = "cleaning"
    RESCUING = "rescuing"
    INSPECTION = "inspection"
    SERVICING = "servicing"
    TENANT = "tenant"
    """The machine runs its instance."""
    IDLE = _IDLE
    """Nothing goes on with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortFacts:
    """What a plan is made of for one port."""

    uuid: str
    address: str
    boots: bool
    """``pxe_enabled``."""
    link: Mapping[str, Any]
    """``local_link_connection``."""
    switchport: Any = None
    """``extra.switchport``, as somebody has entered it."""
    vif: str | None = None
    """Attached to it or to its group."""
    physical_network: str | None = None
    """Its own or its group's."""
    is_smart: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What a plan is made of beside the node: settings and switch file."""

    defaults: Mapping[str, str] = field(default_factory=dict)
    """Settings ``<moment>_network``, by moment."""
    switches: Mapping[str, Switch] = field(default_factory=dict)
    networks: Mapping[str, NamedNetwork] = field(default_factory=dict)
    path: str = ""
    """Of the switch file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One port, where it is and what it is to be set to."""

    uuid: str
    address: str
    switch: str
    port: str
    """As the switch calls it."""
    network: str
    """For people: ``cleaning``, ``VIF blue``, ``idle``."""
    wanted: Switchport | None
    """``None`` = no VLAN."""

    def __str__(self) -> str:
        """Return it for a message."""
        return f"port {self.port} of switch {self.switch} (the node's port {self.address})"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    network: str
    wanted: Switchport | None


def switch_of(link: Mapping[str, Any], site: Site) -> Switch | None:
    """Return the switch that a port says it is plugged into: by ``switch_id``, else by its name in ``switch_info``.

    Raises:
        Invalid: The two name different switches.
    """
    ident = link.get("switch_id")
    of_ident = (one for one in site.switches.values() if ident and one.mac_address == ident)
    by_id = next(of_ident, None)
    by_name = site.switches.get(str(link.get("switch_info")))
    if by_id and by_name and by_id != by_name:
        raise Invalid(
            f"switch_id {ident} is switch {by_id.name} of {site.path}, and switch_info says {by_name.name}; correct one of "
            "the two in local_link_connection"
        )
    return by_id or by_name


def network_of_vif(vif: str, networks: Mapping[str, NamedNetwork]) -> NamedNetwork | None:
    """Return the network that a VIF names: by its whole name, or by what stands before its last dot (``blue.2``: a second port in ``blue``)."""
    return networks.get(vif) or networks.get(vif.rpartition(".")[0])


def plan_networks(
    moment: Moment, ports: Sequence[PortFacts], site: Site, driver_info: Mapping[str, Any]
) -> tuple[Attachment, ...]:
    """Say what every port of a node is set to at a moment.

    Args:
        moment: Of the node.
        ports: All of the node's.
        site: Settings and switch file.
        driver_info: The node's.

    Returns:
        One attachment per port that is on a known switch, those without a network first, so that a machine is never in two.

    Raises:
        Invalid: Names the port, what is missing or contradicts itself, and what to do.
    """
    found = [one for port in ports for one in _of_port(moment, port, site, driver_info)]
    places: dict[tuple[str, str], str] = {}
    for one in found:
        other = places.setdefault((one.switch, one.port), one.address)
        if other != one.address:
            raise Invalid(
                f"the ports {other} and {one.address} are both at port {one.port} of switch {one.switch}; correct local_link_connection"
            )
    return tuple(sorted(found, key=lambda one: one.network != _IDLE))


def idle_at(
    switch: Switch,
    switch_port: str,
    uuid: str,
    address: str,
    site: Site,
    driver_info: Mapping[str, Any],
) -> Attachment:
    """Return what takes a port out of every network.

    Raises:
        Invalid: The idle network is malformed, or the node's own is not among the switch's ``allowed_vlans``.
    """
    return Attachment(
        uuid=uuid,
        address=address,
        switch=switch.name,
        port=switch_port,
        network=_IDLE,
        wanted=_idle(switch, address, site, driver_info),
    )


def _of_port(
    moment: Moment, port: PortFacts, site: Site, driver_info: Mapping[str, Any]
) -> Iterator[Attachment]:
    if port.is_smart or port.link.get("network_type") == _UNMANAGED:
        return
    switch_port = port.link.get("port_id")
    switch = _switch(port, site)
    is_known = switch is not None and bool(switch_port)
    if not is_known and moment is Moment.INSPECTION:  # which finds out
        return
    wish = _wish(moment, port, site, driver_info)
    if switch is None or not is_known:
        if wish is not None:
            raise Invalid(_unknown_place(port, wish, site))
        return
    # Also where a network is wanted: what would keep the port from being taken out again is told before it is put in.
    idle = idle_at(switch, str(switch_port), port.uuid, port.address, site, driver_info)
    if wish is None:
        yield idle
        return
    _require_allowed(port.address, wish, switch, site)
    yield Attachment(
        uuid=port.uuid,
        address=port.address,
        switch=switch.name,
        port=str(switch_port),
        network=wish.network,
        wanted=wish.wanted,
    )


def _switch(port: PortFacts, site: Site) -> Switch | None:
    try:
        return switch_of(port.link, site)
    except Invalid as error:
        raise Invalid(f"port {port.address}: {error}") from error


def _wish(
    moment: Moment, port: PortFacts, site: Site, driver_info: Mapping[str, Any]
) -> _Wish | None:
    """Return the network of a port; ``None`` = it is in none."""
    if moment is Moment.TENANT:
        return _tenant(port, site)
    if moment is Moment.IDLE or not port.boots:
        return None
    key = f"{moment}_network"
    named = _named(key, site.defaults.get(moment, ""), driver_info) or _own(port)
    if named is None:
        raise Invalid(
            f"port {port.address}: it is not known which network is for {moment}; set {key} in the settings or in driver_info, such as "
            "access/native_vlan=100, or the port's extra.switchport"
        )
    return _Wish(network=str(moment), wanted=named)


def _tenant(port: PortFacts, site: Site) -> _Wish | None:
    named = None if port.vif is None else network_of_vif(port.vif, site.networks)
    if named is not None:
        _require_reachable(port, named)
        return _Wish(network=f"VIF {port.vif}", wanted=named.switchport)
    own = _own(port)
    if own is not None:
        return _Wish(network="extra.switchport", wanted=own)
    if port.vif is None:
        return None
    raise Invalid(
        f"port {port.address}: VIF {port.vif} names no network; add it to [networks] in {site.path or 'the switch file'} and restart the "
        "controller, or set the port's extra.switchport"
    )


def _named(key: str, default: str, driver_info: Mapping[str, Any]) -> Switchport | None:
    """Return what ``driver_info`` or the setting names; ``None`` = neither does."""
    own = driver_info.get(key)
    if own is not None and own != "":
        if not isinstance(own, str):
            raise Invalid(f"driver_info/{key} must be a text such as access/native_vlan=100")
        return parse_switchport(own, f"driver_info/{key}")
    return parse_switchport(default, f"setting {key}") if default else None


def _own(port: PortFacts) -> Switchport | None:
    if not port.switchport:
        return None
    return read_switchport(port.switchport, f"port {port.address}: extra.switchport")


def _idle(
    switch: Switch, address: str, site: Site, driver_info: Mapping[str, Any]
) -> Switchport | None:
    named = _named(_IDLE_KEY, site.defaults.get(Moment.IDLE, ""), driver_info)
    if named is None and switch.default_vlan is not None:
        return Switchport(mode=Mode.ACCESS, native_vlan=switch.default_vlan)
    # The setting and default_vlan are the operator's, who may keep the idle VLAN out of the list; driver_info is whoever's has the node.
    if driver_info.get(_IDLE_KEY):
        wish = _Wish(network=f"driver_info/{_IDLE_KEY}", wanted=named)
        _require_allowed(address, wish, switch, site)
    return named


def _require_reachable(port: PortFacts, named: NamedNetwork) -> None:
    if None in {named.physical_network, port.physical_network}:
        return
    if named.physical_network != port.physical_network:
        raise Invalid(
            f"port {port.address} is in physical network {port.physical_network}, VIF {port.vif} in {named.physical_network}; attach the VIF "
            "to another port, or correct physical_network"
        )


def _require_allowed(address: str, wish: _Wish, switch: Switch, site: Site) -> None:
    if wish.wanted is None or switch.allowed_vlans is None:
        return
    if others := sorted(wish.wanted.vlans - switch.allowed_vlans):
        raise Invalid(
            f"port {address}: {wish.network} is {wish.wanted}, and VLAN {others[0]} is not among allowed_vlans of switch {switch.name} in "
            f"{site.path}; add it there, or choose another network"
        )


def _unknown_place(port: PortFacts, wish: _Wish, site: Site) -> str:
    begin = f"port {port.address} is to be set to {wish.network} ({wish.wanted})"
    link = port.link
    if not link.get("port_id") or not (link.get("switch_id") or link.get("switch_info")):
        return (
            f"{begin}, and it is not known where it is plugged in: set switch_id and port_id of its local_link_connection, or inspect "
            "the node with the hook local-link-connection, if its switch sends LLDP"
        )
    if not site.path:
        return f"{begin}, and this controller knows no switch: set switch_config_file"
    known = ", ".join(sorted(site.switches)) or "none"
    return (
        f"{begin}, and no switch of {site.path} has mac_address {link.get('switch_id')} or the name {link.get('switch_info')} (known: {known}); "
        "correct local_link_connection, or add the switch and restart the controller"
    )
