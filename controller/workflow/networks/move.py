"""Moves a node's ports to the networks of a moment: reads, plans, judges, notes where they will be, has the switches do it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from controller.errors import Conflict, Invalid
from controller.store.node_documents import NodeInventory
from controller.store.portgroups import Portgroup
from controller.store.tables import Node, Port
from controller.workflow.networks.carrying_out import carry_out
from controller.workflow.networks.links import OFF, Judged, contradictions, judge
from controller.workflow.networks.places import (
    hold_places,
    holders,
    is_as_recorded,
    place_of,
    record_of,
    recorded,
    with_record,
)
from controller.workflow.networks.plan import (
    Attachment,
    Moment,
    PortFacts,
    Site,
    idle_at,
    plan_networks,
)
from controller.workflow.services import Services
from controller.workflow.vif_places import vif_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What a move came to."""

    ports: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """``internal_info`` of ports, by UUID."""
    changed: tuple[Attachment, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    ports: Sequence[Port]
    groups: Sequence[Portgroup]


def connects(services: Services, node: Node) -> bool:
    """Say whether the node's ports are attached at switches; those of a node whose interfaces are not served here are not."""
    try:
        return services.catalog.interfaces_of(node.driver, node.interfaces).network.connects
    except Invalid:
        return False


def move(
    services: Services,
    node: Node,
    moment: Moment,
    *,
    wait_s: float = 0.2,
    vifs: Mapping[str, str | None] | None = None,
) -> Moved:
    """Bring a node's ports to the networks of a moment; whoever calls holds the node.

    Args:
        services: The controller's parts.
        node: It has a network interface that connects.
        moment: Of the node.
        wait_s: Longest wait for each switch's other nodes.
        vifs: VIFs by UUID of port or group as they will be, where that is not stored yet.

    Raises:
        Invalid: Something that the plan needs is missing or contradicts itself; nothing was changed.
        Conflict: A place is another node's; nothing was changed.
        SwitchError: As :func:`carry_out`.
    """
    with services.store.read() as session:
        rows = _rows(session, node)
        judged = _judged(services, session, node, moment, rows, vifs or {})
        left = _left_places(services, node, rows.ports, judged.plan)
        left = _without_others(session, node, left)
    do = partial(carry_out, wait_s=wait_s, timeout_s=services.settings.switch_timeout_s)
    before = do(left.plan, services.switches)
    judged = _note(services, node, judged)
    changed = (*before, *do(judged.plan, services.switches))
    seen = _seen(services, rows.ports, judged.plan)
    ports = {
        port.uuid: {"internal_info": with_record(port, seen[port.uuid])}
        for port in rows.ports
        if port.uuid in seen
    }
    warnings = tuple(dict.fromkeys((*judged.warnings, *left.warnings)))
    return Moved(ports=ports, changed=changed, warnings=warnings)


def check(services: Services, session: Session, node: Node, moment: Moment) -> None:
    """Check that a move to a moment could be begun; nobody is asked.

    Raises:
        Invalid: As :func:`move`.
        Conflict: As :func:`move`.
    """
    _judged(services, session, node, moment, _rows(session, node), {})


def is_in_place(services: Services, node: Node, moment: Moment) -> bool:
    """Say whether the node's ports are, as far as is known, in the networks of a moment already.

    Raises:
        Invalid: As :func:`move`.
    """
    with services.store.read() as session:
        rows = _rows(session, node)
        judged = _judged(services, session, node, moment, rows, {})
        return is_as_recorded(judged.plan, rows.ports)


def _rows(session: Session, node: Node) -> _Rows:
    ports = session.scalars(select(Port).where(Port.node_id == node.id).order_by(Port.id)).all()
    groups = session.scalars(select(Portgroup).where(Portgroup.node_id == node.id)).all()
    return _Rows(ports=ports, groups=groups)


def _judged(
    services: Services,
    session: Session,
    node: Node,
    moment: Moment,
    rows: _Rows,
    vifs: Mapping[str, str | None],
) -> Judged:
    facts, settings = _facts(rows, vifs), services.settings
    plan = plan_networks(moment, facts, site_of(services), node.driver_info)
    check = settings.network_link_check
    found = {} if check == OFF else contradictions(facts, _inspected(session, node))
    before = {port.uuid: place for port in rows.ports if (place := place_of(port))}
    judged = judge(plan, moment, found, check, before)
    return _without_others(session, node, judged)


def _inspected(session: Session, node: Node) -> Mapping[str, Any] | None:
    """Return what the node's last inspection found, which not everybody has read who has the node."""
    query = select(NodeInventory.document).where(NodeInventory.node_id == node.id)
    return session.scalar(query)


def site_of(services: Services) -> Site:
    """Return what plans are made of beside nodes."""
    settings, switches = services.settings, services.switches
    return Site(
        defaults={
            moment: getattr(settings, f"{moment}_network")
            for moment in Moment
            if moment is not Moment.TENANT
        },
        switches=switches.switches,
        networks=switches.networks,
        path=switches.path,
    )


def _facts(rows: _Rows, vifs: Mapping[str, str | None]) -> tuple[PortFacts, ...]:
    groups = {group.uuid: group for group in rows.groups}

    def vif(one: Port | Portgroup | None) -> str | None:
        if one is None:
            return None
        return vifs[one.uuid] if one.uuid in vifs else vif_of(one)

    def facts(port: Port) -> PortFacts:
        group = groups.get(str(port.portgroup_uuid))
        return PortFacts(
            uuid=port.uuid,
            address=port.address,
            boots=port.pxe_enabled,
            link=port.local_link_connection or {},
            switchport=(port.extra or {}).get("switchport"),
            vif=vif(port) or vif(group),
            physical_network=port.physical_network or (group.physical_network if group else None),
            is_smart=port.is_smartnic,
        )

    return tuple(facts(port) for port in rows.ports)


def _left_places(
    services: Services, node: Node, ports: Sequence[Port], plan: Sequence[Attachment]
) -> Judged:
    """Return what takes ports out where they were attached before somebody has corrected ``local_link_connection``."""
    planned, site = {(one.switch, one.port) for one in plan}, site_of(services)
    left = (
        idle_at(site.switches[place[0]], place[1], port.uuid, port.address, site, node.driver_info)
        for port in ports
        if (place := place_of(port)) and place not in planned and place[0] in site.switches
    )
    return Judged(plan=tuple(left))


def _without_others(session: Session, node: Node, judged: Judged) -> Judged:
    """Leave alone what is another node's.

    Raises:
        Conflict: A port of this node was to be attached there.
    """
    places = {(one.switch, one.port) for one in judged.plan}
    taken = holders(session, node.id, places)
    warnings, kept = list(judged.warnings), []
    for one in judged.plan:
        holder = taken.get((one.switch, one.port))
        if holder is None:
            kept.append(one)
            continue
        text = (
            f"{one} is where {holder} is attached; correct local_link_connection of one of the two"
        )
        if one.network != Moment.IDLE:
            raise Conflict(f"nothing was attached at switch {one.switch}: {text}")
        warnings.append(f"left as it is: {text}")
    return Judged(plan=tuple(kept), warnings=tuple(warnings))


def _note(services: Services, node: Node, judged: Judged) -> Judged:
    """Note where ports will be, before a switch is asked: whatever happens then, it is known where they may be.

    Raises:
        Conflict: Another node has noted one of the places since this one looked.
    """
    with services.store.edit() as session:
        if any(one.network != Moment.IDLE for one in judged.plan):
            hold_places(session)  # until the notes are stored: of two nodes one sees the other's
        judged = _without_others(session, node, judged)
        wanted = {one.uuid: recorded(one, is_seen=False) for one in judged.plan}
        for port in session.scalars(select(Port).where(Port.uuid.in_(wanted))):
            new, old = wanted[port.uuid], record_of(port)
            if new is None or {key: old.get(key) for key in new} == new:
                continue
            port.internal_info = with_record(port, new)
    return judged


def _seen(
    services: Services, ports: Sequence[Port], plan: Sequence[Attachment]
) -> Mapping[str, Mapping[str, Any] | None]:
    """Return by UUID what is known of ports afterwards; one that is no longer planned was taken out, or its place is another port's now."""
    switches = services.switches.switches
    gone = {port.uuid: None for port in ports if (at := place_of(port)) and at[0] in switches}
    return {**gone, **{one.uuid: recorded(one, is_seen=True) for one in plan}}
