"""VIFs: which of a site's virtual interfaces (for a client's network service) are on which ports and port groups of a node.

A network interface keeps them (``flat``), or takes and forgets them (``noop``), as Ironic's do; nothing on a switch changes.
"""

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from controller.errors import Conflict, Invalid
from controller.store.events import record_event
from controller.store.portgroups import Portgroup
from controller.store.tables import Node, Port
from controller.workflow.locks import free_node
from controller.workflow.services import Services
from controller.workflow.vif_places import Place, choose_place

_KEY = "tenant_vif_port_id"
"""Where ``internal_info`` has the VIF."""
SMART_LINK = frozenset({"port_id", "hostname"})
"""What the link of a smart NIC must have, and that of no other port may have, for Ironic."""


def keeps_vifs(services: Services, node: Node) -> bool:
    """Say whether the node's network interface keeps VIFs; that of a driver that is served elsewhere counts as one that does not."""
    if node.driver not in services.catalog.types:
        return False
    return services.catalog.interfaces_of(node.driver, node.interfaces).network.keeps_vifs


def vif_of(place: Port | Portgroup) -> str | None:
    """Return the VIF that is attached to a port or port group."""
    found = (place.internal_info or {}).get(_KEY)
    return None if found is None else str(found)


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
    """
    with free_node(services, ident) as (session, node):
        if not keeps_vifs(services, node):
            return
        rows = tuple(_rows(session, node))
        for row in rows:
            if vif_of(row) == vif:
                raise Conflict(
                    f"Unable to attach VIF because VIF {vif} is already attached to {_kind(row)} {row.uuid}"
                )
        place = choose_place([_place(row) for row in rows], port, group)
        if place is None:
            asked = f" (asked for {port or group})" if port or group else ""
            raise Invalid(
                f"Unable to attach VIF {vif}, not enough free physical ports on node {node.uuid}{asked}; "
                "detach another VIF, or create a port"
            )
        row = next(one for one in rows if one.uuid == place.uuid)
        _put(services, row, vif)
        text = f"VIF {vif} attached to {_kind(row)} {row.uuid}"
        record_event(session, node, "request", text, at=services.clock())


def detach_vif(services: Services, ident: str, vif: str) -> None:
    """Detach a VIF from the node, if its network interface keeps VIFs.

    Raises:
        NotFound: There is no such node.
        NodeLocked: Something goes on with the node.
        Invalid: It is not attached. Clients take that (400) for the end that they want.
    """
    with free_node(services, ident) as (session, node):
        if not keeps_vifs(services, node):
            return
        attached = [one for one in _rows(session, node) if vif_of(one) == vif]
        if not attached:
            raise Invalid(
                f"Unable to detach VIF {vif} from node {node.uuid} because it is not attached to it"
            )
        _put(services, attached[0], None)
        text = f"VIF {vif} detached from {_kind(attached[0])} {attached[0].uuid}"
        record_event(session, node, "request", text, at=services.clock())


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


def _place(row: Port | Portgroup) -> Place:
    if isinstance(row, Portgroup):
        return Place(uuid=row.uuid, is_group=True, vif=vif_of(row))
    is_smart = (row.local_link_connection or {}).keys() >= SMART_LINK
    is_infiniband = bool((row.extra or {}).get("client-id"))
    return Place(
        uuid=row.uuid,
        is_group=False,
        vif=vif_of(row),
        group=row.portgroup_uuid,
        boots=row.pxe_enabled,
        is_usable=is_infiniband or is_smart == row.is_smartnic,
    )


def _put(services: Services, row: Port | Portgroup, vif: str | None) -> None:
    kept = {key: value for key, value in (row.internal_info or {}).items() if key != _KEY}
    row.internal_info = kept if vif is None else kept | {_KEY: vif}
    row.updated_at = services.clock()


def _kind(row: Port | Portgroup) -> str:
    return "portgroup" if isinstance(row, Portgroup) else "port"
