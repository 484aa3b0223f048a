"""Finding nodes for allocations, one transaction each; every controller does it, and no two ever give away one node.

The allocation's row is locked first, then the node's; nobody else locks them in the other order, because an allocation that waits
has no node. Under the node's lock it is looked at again; beside that the table has each node once. A row in the state ``allocating``
is all that an allocation needs to go on after the death of a controller.

Source of the rules: Ironic's ``conductor/allocations.py``.
"""

import logging
import random
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from controller.states import State
from controller.store.allocations import ACTIVE, ERROR, Allocation, waiting
from controller.store.events import record_event
from controller.store.nodes import locking
from controller.store.tables import Node
from controller.workflow.locks import is_held
from controller.workflow.services import Services

log = logging.getLogger(__name__)

_MOST_AT_ONCE = 50
_MOST_TRIES = 10
"""An allocation fails when all its nodes were at something else for so many rounds."""


def allocate_waiting(services: Services) -> int:
    """Find nodes for what waits, the oldest first; return how many allocations have ended, well or not."""
    with services.store.read() as session:
        ids = session.scalars(waiting(_MOST_AT_ONCE)).all()
    return sum(_allocate(services, one) for one in ids)


def _allocate(services: Services, allocation_id: int) -> bool:
    try:
        with services.store.edit() as session:
            query = select(Allocation).where(Allocation.id == allocation_id)
            query = query.where(Allocation.state.not_in((ACTIVE, ERROR)))
            row = session.scalars(query.with_for_update(skip_locked=True)).one_or_none()
            return row is not None and _find_node(services, session, row)
    except IntegrityError as error:  # somebody has just used its UUID as that of an instance
        log.info("allocation %d is tried again: %s", allocation_id, error.orig)
        return False


def _find_node(services: Services, session: Session, row: Allocation) -> bool:
    """Give the allocation a node, or end it with the reason; false = it has to wait."""
    if used := session.scalar(select(Node.uuid).where(Node.instance_uuid == row.uuid)):
        return _fail(services, row, f"instance {row.uuid} is already associated with node {used}")
    suitable = session.execute(
        select(Node.id, Node.name, Node.traits).where(*_conditions(row))
    ).all()
    if not suitable:
        whom = (
            "none of the requested nodes are available and match"
            if row.candidate_nodes
            else "no available nodes match"
        )
        return _fail(services, row, f"{whom} the resource class {row.resource_class}")
    suitable = [one for one in suitable if set(one.traits or []) >= set(row.traits)]
    if not suitable:
        wanted = ", ".join(row.traits)
        return _fail(services, row, f"no suitable nodes have the requested traits {wanted}")
    for one in _shuffled(row, suitable):
        query = select(Node).where(Node.id == one.id, *_conditions(row))
        node = session.scalars(locking(query, skip_locked=True)).one_or_none()
        if node is None or is_held(node) or not set(node.traits or []) >= set(row.traits):
            continue
        give_node(services, session, row, node)
        return True
    row.tries += 1
    if row.tries < _MOST_TRIES:
        return False
    return _fail(services, row, f"could not reserve any of {len(suitable)} suitable nodes")


def give_node(services: Services, session: Session, row: Allocation, node: Node) -> None:
    """Let the allocation have the node, whose row is locked."""
    now = services.clock()
    row.node_id, row.state, row.last_error, row.updated_at = node.id, ACTIVE, None, now
    node.instance_uuid = row.uuid
    node.instance_info = {**node.instance_info, "traits": list(row.traits)}
    node.updated_at = now
    text = f"allocated to {row.name or row.uuid}"
    record_event(session, node, "request", text, data={"allocation": row.uuid}, at=now)
    session.flush()


def _conditions(row: Allocation) -> Iterator[Any]:
    yield Node.resource_class == row.resource_class
    yield Node.provision_state == State.AVAILABLE
    yield Node.instance_uuid.is_(None)
    yield Node.power_state.is_not(None)
    yield Node.maintenance.is_(False)
    if row.candidate_nodes:
        yield Node.uuid.in_(row.candidate_nodes)
    if row.owner:
        yield or_(Node.owner == row.owner, Node.lessee == row.owner)


def _shuffled(row: Allocation, nodes: Sequence[Any]) -> list[Any]:
    """Return the nodes in an order by chance, so that controllers get in each other's way less; one of the same name first."""
    found = random.sample(nodes, len(nodes))
    return sorted(found, key=lambda one: row.name is None or one.name != row.name)


def _fail(services: Services, row: Allocation, reason: str) -> bool:
    row.state, row.updated_at = ERROR, services.clock()
    row.last_error = f"Failed to process allocation {row.uuid}: {reason}."
    log.warning("allocation %s: %s", row.name or row.uuid, reason)
    return True
