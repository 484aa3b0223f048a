"""What a principal sees, where a request names it: what is hidden is not there, in the same words and with the same status.

A name can stand in a path, in a query argument, in a body, or be the marker of a page. Wherever it leads to something that
belongs to somebody else, the answer must be that of a name that leads to nothing, else names could be tried out.
"""

from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from controller.api.access.asking import may
from controller.api.access.grants import Target
from controller.api.call import Call
from controller.store.chassis import get_chassis, no_chassis
from controller.store.nodes import no_node, read_node
from controller.store.portgroups import Portgroup, get_portgroup, no_portgroup
from controller.store.runbooks import Runbook, get_runbook, no_runbook
from controller.store.tables import Node

NODE_GET = "baremetal:node:get"
_RUNBOOK_GET, _CHASSIS_GET = "baremetal:runbook:get", "baremetal:chassis:get"
_OWNERS = ("uuid", "owner", "lessee")


def target_of(row: Any) -> Target:
    """Return whose a row is that has an owner and, if it is a node's, a lessee."""
    return Target(owner=row.owner, lessee=getattr(row, "lessee", None))


def sees(call: Call, node: Any) -> bool:
    """Say whether the principal sees a node, of which the row has the owner and the lessee."""
    return may(call.principal, NODE_GET, target_of(node))


def see_node(call: Call, session: Session, ident: str) -> Row[Any]:
    """Return UUID, owner and lessee of a node.

    Raises:
        NotFound: It is not there, or the principal does not see it.
        Invalid: That is no name of a node.
    """
    row = read_node(session, ident, _OWNERS)
    if not sees(call, row):
        raise no_node(ident)
    call.decided.add(mark_of(row))
    return row


def see_portgroup(call: Call, session: Session, ident: str) -> Portgroup:
    """Return a port group.

    Raises:
        NotFound: It is not there, or the principal does not see its node.
    """
    found = get_portgroup(session, ident)
    node = session.execute(select(Node.owner, Node.lessee).where(Node.id == found.node_id)).one()
    if not sees(call, node):
        raise no_portgroup(ident)
    return found


def see_runbook(call: Call, session: Session, ident: str) -> Runbook:
    """Return a runbook that is public, or that the principal may see.

    Raises:
        NotFound: There is none.
    """
    found = get_runbook(session, ident)
    if not found.public and not may(call.principal, _RUNBOOK_GET, target_of(found)):
        raise no_runbook(ident)
    call.decided.add(mark_of(found))
    return found


def see_chassis(call: Call, session: Session, uuid: str) -> str:
    """Return the UUID of a chassis; a project knows those that one of its nodes is in.

    Raises:
        NotFound: There is none.
    """
    found = get_chassis(session, uuid)
    project = call.principal.project
    if not may(call.principal, _CHASSIS_GET) and not _is_of(session, found.uuid, project):
        raise no_chassis(uuid)
    return found.uuid


def mark_of(row: Any) -> tuple[Any, ...]:
    """Return what a decision about a thing rests on: which it is, and whose."""
    return (row.uuid, row.owner, getattr(row, "lessee", None), getattr(row, "public", None))


def _is_of(session: Session, chassis: str, project: str | None) -> bool:
    own = (Node.owner == project) | (Node.lessee == project)
    query = select(Node.id).where(Node.chassis_uuid == chassis, own)
    return project is not None and session.scalar(query.limit(1)) is not None
