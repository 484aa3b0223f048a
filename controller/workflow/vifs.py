"""VIFs: which of a site's virtual interfaces (for a client's network service) are on which ports and port groups of a node.

A network interface keeps them (``flat``, ``ironic-networking``), or takes and forgets them (``noop``), as Ironic's do. With ``ironic-networking`` the
ports of a machine in use move at once; otherwise they do when the machine comes into use.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from controller.errors import Conflict, Invalid
from controller.states import State
from controller.store.events import record_event
from controller.store.nodes import get_node
from controller.store.portgroups import Portgroup
from controller.store.tables import Node, Port
from controller.workflow.locks import free_node, held_node
from controller.workflow.networks.move import connects, move
from controller.workflow.networks.plan import Moment, network_of_vif
from controller.workflow.services import Services
from controller.workflow.stages.network import SETTLE
from controller.workflow.vif_places import VIF_KEY, Place, choose_place, vif_of

SMART_LINK = frozenset({"port_id", "hostname"})
"""What the link of a smart NIC must have, and that of no other port may have, for Ironic."""
_Find = Callable[[Session, Node], Port | Portgroup]


def keeps_vifs(services: Services, node: Node) -> bool:
    """Say whether the node's network interface keeps VIFs; that of a driver that is served elsewhere counts as one that does not."""
    if node.driver not in services.catalog.types:
        return False
    return services.catalog.interfaces_of(node.driver, node.interfaces).network.keeps_vifs


def list_vifs(services: Services, session: Session, node: Node) -> tuple[str, ...]:
    """Return what is attached to the node's ports, then to its port groups."""
    if not keeps_vifs(services, node):
        return ()
    found = (vif_of(one) for one in _rows(session, node))
    return tuple(vif for vif in found if vif is not None)


def attach_vif(
    services: Services, ident: str, vif: str, *, port: str | None, group: str | None
) -> None:
    """Attach a VIF to a free port or port group of the node, if its network interface keeps VIFs.

    Args:
        services: The controller's parts.
        ident: UUID or name of the node.
        vif: How the client's network service calls it.
        port: UUID of the port to take; ``None`` = a free one.
        group: UUID of the port group to take; ``None`` = a free one.

    Raises:
        NotFound: There is no such node.
        NodeLocked: Something goes on with the node.
        Conflict: The VIF is attached to the node already.
        Invalid: Nothing is free, or what was asked for is not.
        SwitchError: The machine is in use, and its port cannot be moved; the VIF is not attached.
    """
    choose = partial(_choose, services, vif, port=port, group=group)
    _change(services, ident, choose, vif, f"VIF {vif} attached to")


def detach_vif(services: Services, ident: str, vif: str) -> None:
    """Detach a VIF from the node, if its network interface keeps VIFs.

    Raises:
        NotFound: There is no such node.
        NodeLocked: Something goes on with the node.
        Invalid: It is not attached. Clients take that (400) for the end that they want.
        SwitchError: The machine is in use, and its port cannot be moved; the VIF stays attached.
    """
    _change(services, ident, partial(_find, vif), None, f"VIF {vif} detached from")


def _change(services: Services, ident: str, find: _Find, vif: str | None, text: str) -> None:
    """Change what is attached to the place that ``find`` returns; of a machine in use at its switch first."""
    if _is_in_use(services, ident):
        _change_in_use(services, ident, find, vif, text)
        return
    with free_node(services, ident) as (session, node):
        if not keeps_vifs(services, node):
            return
        row = find(session, node)
        _put(services, row, vif)
        record_event(
            session, node, "request", f"{text} {_kind(row)} {row.uuid}", at=services.clock()
        )


def _is_in_use(services: Services, ident: str) -> bool:
    """Say whether the node's machine runs an instance whose ports are attached at switches."""
    with services.store.read() as session:
        node = get_node(session, ident)
    return node.provision_state == State.ACTIVE and connects(services, node)


def _change_in_use(services: Services, ident: str, find: _Find, vif: str | None, text: str) -> None:
    """Move the ports, then store why; whatever fails in between, the ports are put where the database says."""
    with held_node(services, ident, SETTLE, is_redone=_may_have_moved) as node:
        with services.store.read() as session:
            uuid = find(session, node).uuid
        patience_s = services.settings.verb_patience_s
        moved = move(services, node, Moment.TENANT, wait_s=patience_s, vifs={uuid: vif})
        with services.store.edit() as session:
            held = get_node(session, node.uuid, for_update=True)
            if not _is_ours(held, node):
                raise Conflict(
                    f"node {node.uuid} was taken over by another controller meanwhile; look at its history, then try again"
                )
            rows = {row.uuid: row for row in _rows(session, held)}
            for of_port, columns in moved.ports.items():
                if of_port in rows:
                    rows[of_port].internal_info = columns["internal_info"]
            _put(services, rows[uuid], vif)
            told = (f"{one} was set to {one.network}" for one in moved.changed)
            words = "; ".join([f"{text} {_kind(rows[uuid])} {uuid}", *told, *moved.warnings])
            record_event(session, held, "request", words, at=services.clock())


def _may_have_moved(error: Exception) -> bool:
    """Say whether ports may be elsewhere than is stored; what is refused is so before a switch is asked."""
    return not isinstance(error, Invalid | Conflict)


def _is_ours(now: Node, held: Node) -> bool:
    """Say whether the node is still held by who began to hold it."""
    mine, its = held.work, now.work
    return mine is not None and its is not None and mine.claim_id == its.claim_id


def _choose(
    services: Services,
    vif: str,
    session: Session,
    node: Node,
    *,
    port: str | None,
    group: str | None,
) -> Port | Portgroup:
    """Return the port or group that a VIF gets."""
    rows = tuple(_rows(session, node))
    for row in rows:
        if vif_of(row) == vif:
            raise Conflict(
                f"Unable to attach VIF because VIF {vif} is already attached to {_kind(row)} {row.uuid}"
            )
    named = network_of_vif(vif, services.switches.networks) if connects(services, node) else None
    network = None if named is None else named.physical_network
    place = choose_place(places_of(rows), port, group, network)
    if place is None:
        asked = f" (asked for {port or group})" if port or group else ""
        where = f" in physical network {network}" if network else ""
        raise Invalid(
            f"Unable to attach VIF {vif}, not enough free physical ports on node {node.uuid}{where}{asked}; "
            "detach another VIF, or create a port"
        )
    return next(one for one in rows if one.uuid == place.uuid)


def _find(vif: str, session: Session, node: Node) -> Port | Portgroup:
    """Return what a VIF is attached to."""
    attached = [one for one in _rows(session, node) if vif_of(one) == vif]
    if not attached:
        raise Invalid(
            f"Unable to detach VIF {vif} from node {node.uuid} because it is not attached to it"
        )
    return attached[0]


def detach_all(services: Services, session: Session, node: Node) -> None:
    """Detach what is attached to a node whose instance has gone."""
    for row in _rows(session, node):
        if vif_of(row) is not None:
            _put(services, row, None)


def _rows(session: Session, node: Node) -> Iterator[Port | Portgroup]:
    """Return the node's ports, then its port groups, the oldest first."""
    yield from session.scalars(select(Port).where(Port.node_id == node.id).order_by(Port.id)).all()
    groups = select(Portgroup).where(Portgroup.node_id == node.id)
    yield from session.scalars(groups.order_by(Portgroup.id)).all()


def places_of(rows: Sequence[Port | Portgroup]) -> list[Place]:
    """Return what a choice is made of, for the ports and groups of one node."""
    networks: dict[str | None, str | None] = {
        row.portgroup_uuid: row.physical_network
        for row in rows
        if isinstance(row, Port) and row.portgroup_uuid
    }
    return [_place(row, networks) for row in rows]


def _place(row: Port | Portgroup, networks: Mapping[str | None, str | None]) -> Place:
    if isinstance(row, Portgroup):
        network = networks.get(row.uuid)
        return Place(uuid=row.uuid, is_group=True, vif=vif_of(row), physical_network=network)
    is_smart = (row.local_link_connection or {}).keys() >= SMART_LINK
    is_infiniband = bool((row.extra or {}).get("client-id"))
    return Place(
        uuid=row.uuid,
        is_group=False,
        vif=vif_of(row),
        group=row.portgroup_uuid,
        boots=row.pxe_enabled,
        physical_network=row.physical_network,
        is_usable=is_infiniband or is_smart == row.is_smartnic,
    )


def _put(services: Services, row: Port | Portgroup, vif: str | None) -> None:
    kept = {key: value for key, value in (row.internal_info or {}).items() if key != VIF_KEY}
    row.internal_info = kept if vif is None else kept | {VIF_KEY: vif}
    row.updated_at = services.clock()


def _kind(row: Port | Portgroup) -> str:
    return "portgroup" if isinstance(row, Portgroup) else "port"
