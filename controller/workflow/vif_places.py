"""Which port or port group of a node gets a VIF; pure, and Ironic's choice.

(``get_free_port_like_object`` in ``ironic/drivers/modules/network/common.py``.) A free port group goes before a port, a port that boots
from the network before one that does not, else the older one. A group is free as a whole while none of its ports has a VIF of its
own; afterwards its other ports count for themselves.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from controller.store.portgroups import Portgroup
from controller.store.tables import Port

VIF_KEY = "tenant_vif_port_id"
"""Where ``internal_info`` has the VIF."""


def vif_of(place: Port | Portgroup) -> str | None:
    """Return the VIF that is attached to a port or port group."""
    found = (place.internal_info or {}).get(VIF_KEY)
    return None if found is None else str(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A port, or a port group."""

    uuid: str
    is_group: bool
    vif: str | None
    """What is attached to it."""
    group: str | None = None
    """UUID of the group that a port is in."""
    boots: bool = True
    """It boots from the network; groups count as such."""
    physical_network: str | None = None
    """Its own, or that of a group's ports; ``None`` = not known."""
    is_usable: bool = True
    """Nothing of what it says about its switch contradicts itself."""


def choose_place(
    places: Sequence[Place],
    port: str | None = None,
    group: str | None = None,
    physical_network: str | None = None,
) -> Place | None:
    """Return the place for one more VIF; ``None`` = none is free.

    Args:
        places: Ports and groups of one node, each the oldest first.
        port: UUID of the only port that will do; it must be in no group.
        group: UUID of the only group that will do; ``port`` goes before it.
        physical_network: Of the VIF's network: a port in another one will not do; ``None`` = any will.
    """
    free = tuple(_free(places, port, None if port else group, physical_network))

    def fitness(one: Place) -> tuple[bool, bool, bool]:
        fits = physical_network is not None and one.physical_network == physical_network
        return fits, one.is_group, one.boots

    return max(free, key=fitness) if free else None


def _free(
    places: Sequence[Place], port: str | None, group: str | None, physical_network: str | None
) -> Iterator[Place]:
    every = [one for one in places if not one.is_group and one.is_usable]
    divided = {one.group for one in every if one.vif is not None}
    reachable = (None, physical_network)
    ports = [one for one in every if not physical_network or one.physical_network in reachable]
    for one in ports:
        if one.vif is None and one.group is None and group is None and port in {None, one.uuid}:
            yield one
    for place in places:
        if not place.is_group or port or place.vif is not None or group not in {None, place.uuid}:
            continue
        members = [one for one in ports if one.group == place.uuid and one.vif is None]
        if place.uuid not in divided:
            yield from [place] if members else []
        elif group is None:
            yield from members
