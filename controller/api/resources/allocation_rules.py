"""When a node in use gets an allocation afterwards, and when one may go; the rules are Ironic's (``conductor/allocations.py``)."""

from collections.abc import Iterator

from sqlalchemy.orm import Session

from controller.api.call import Call
from controller.api.resource.rules import Change
from controller.errors import Conflict, NodeLocked, NotFound
from controller.states import HARDWARE_MAY_CHANGE, UPDATE_ALLOWED, State
from controller.store.allocations import Allocation, allocation_of, get_allocation
from controller.store.nodes import get_node
from controller.store.tables import Node
from controller.workflow.allocating import give_node
from controller.workflow.locks import free_node, is_held


def backfill(node_uuid: str | None, change: Change) -> None:
    """Give a new allocation the node that is in use already; ``None`` = a node is looked for later.

    Raises:
        Conflict: The node is not in use, does not fit, or has another instance.
        NodeLocked: Something goes on with the node.
    """
    if node_uuid is None:
        return
    node = get_node(change.session, node_uuid, for_update=True)
    if is_held(node):
        raise NodeLocked(
            f"Node {node.uuid} is {node.provision_state!r} (at {node.stage}); ask again"
        )
    allocation: Allocation = change.row
    if problems := list(_problems(allocation, node)):
        raise Conflict(f"Cannot backfill an allocation for node {node.uuid}: {'; '.join(problems)}")
    if node.instance_uuid not in (None, allocation.uuid):
        raise Conflict(f"Node {node.uuid} is associated with instance {node.instance_uuid}.")
    give_node(change.call.services, change.session, allocation, node)


def _problems(allocation: Allocation, node: Node) -> Iterator[str]:
    if node.provision_state != State.ACTIVE:
        yield f"it must be active, and is {node.provision_state}"
    if allocation.resource_class not in (None, node.resource_class):
        yield f"its resource class is {node.resource_class}, not {allocation.resource_class}"
    if missing := sorted(set(allocation.traits) - set(node.traits or [])):
        yield f"it has not the traits {', '.join(missing)}"
    if allocation.candidate_nodes and node.uuid not in allocation.candidate_nodes:
        yield "it is none of candidate_nodes"


def deallocate(call: Call, node_uuid: str, ident: str) -> None:
    """Delete the allocation that has a node, under the node's lock.

    Raises:
        NotFound: The allocation has gone, or has the node no longer.
        NodeLocked: Something goes on with the node.
        Conflict: The node is in use, or on its way.
    """
    with free_node(call.services, node_uuid) as (session, node):
        row = get_allocation(session, ident)
        if row.node_id != node.id:
            raise NotFound(f"Allocation {ident} has no longer node {node.uuid}")
        refuse_in_use(node, row)
        node.instance_uuid, node.updated_at = None, call.services.clock()
        session.delete(row)


def refuse_in_use(node: Node, allocation: Allocation) -> None:
    """Refuse to take a node from its allocation that is in use.

    Raises:
        Conflict: It is.
    """
    if node.maintenance:
        return
    is_on_its_way = bool(node.target_provision_state) and (
        node.provision_state not in UPDATE_ALLOWED
    )
    if is_on_its_way or node.provision_state == State.ACTIVE:
        raise Conflict(
            f"Cannot remove allocation {allocation.uuid} for node {node.uuid}, because the node is {node.provision_state} "
            "(and maintenance mode is off)"
        )


def refuse_bound(change: Change) -> None:
    """Refuse to delete an allocation that has got a node in this moment.

    Raises:
        NodeLocked: It has.
    """
    if change.row.node_id is not None:
        raise NodeLocked(f"Allocation {change.row.uuid} has just got a node; ask again")


def release_instance(session: Session, node: Node) -> None:
    """Forget the allocation of a node whose ``instance_uuid`` is taken away.

    Raises:
        Conflict: The node is in use.
    """
    allocation = allocation_of(session, node.id)
    if allocation is None:
        return
    if not node.maintenance and node.provision_state not in HARDWARE_MAY_CHANGE:
        states = ", ".join(sorted(HARDWARE_MAY_CHANGE))
        raise Conflict(
            f"Node {node.uuid} with an allocation can not have instance_uuid removed unless it is in one of these states: {states} "
            f"or in maintenance mode; its state is {node.provision_state}"
        )
    session.delete(allocation)
