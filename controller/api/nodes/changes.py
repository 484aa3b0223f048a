"""Changing a node by JSON patch: what may change when, and what else follows from it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from controller.api.access.asking import may
from controller.api.access.links import check_link
from controller.api.access.sight import target_of
from controller.api.call import Call
from controller.api.documents import values
from controller.api.documents.patch import Operation
from controller.api.nodes.fields import NODES
from controller.api.nodes.stored import current_instance_info, put_values
from controller.api.resource.values import parsed_patch, patched_values
from controller.api.resources.allocation_rules import release_instance
from controller.api.resources.port_rules import refuse_while_attached
from controller.errors import Conflict, Invalid
from controller.hardware.catalog import Catalog
from controller.states import HARDWARE_MAY_CHANGE, UPDATE_ALLOWED, State
from controller.store.allocations import allocation_of
from controller.store.events import tell_request
from controller.store.tables import Node, Port
from controller.workflow.locks import free_node, is_free
from controller.workflow.maintenance import set_maintenance
from controller.workflow.networks.move import connects
from controller.workflow.takeover import assign

_SUFFIX = "_interface"
_INSPECTING_LOCKED_SINCE = 39
_DECIDES_THE_OWNER = frozenset({"driver", "conductor_group"})


def patch_node(call: Call, ident: str, document: Any) -> str:
    """Apply a JSON patch to the node, and return its UUID.

    Raises:
        Invalid: A malformed patch, an illegal value.
        NotAcceptable: A field that the microversion does not have.
        Conflict: The node's state forbids the change, or a name is taken.
        NodeLocked: Something goes on with the node.
        NotFound: There is no such node.
    """
    operations = parsed_patch(call, NODES, document)

    def may_have(node: Node) -> bool:
        return is_free(node) or _is_in_transition(node, operations)

    with free_node(call.services, ident, may_have) as (session, node):
        _patch(call, session, node, operations)
        fields = {operation.attribute for operation in operations}
        tell_request(session, node, call.services.clock(), fields=fields)
        return node.uuid


def _patch(call: Call, session: Session, node: Node, operations: Sequence[Operation]) -> None:
    _refuse_in_transition(node, operations, call.minor)
    names = {operation.attribute for operation in operations}
    changed = patched_values(NODES, operations, {name: _current(node, name) for name in names})
    _refuse_by_state(node, _without_same_interfaces(node, changed, call.services.catalog))
    _refuse_reasons(node, changed)
    if changed.get("owner") is not None:
        _refuse_owner(call, session, node)
    if changed.get("parent_node") is not None:
        check_link(call, session, node.owner, changed["parent_node"], "parent_node")
    if "instance_uuid" in changed and not changed["instance_uuid"]:
        release_instance(session, node)
    were_connected = connects(call.services, node)
    if "driver" in changed and call.flag("reset_interfaces"):
        node.interfaces = {}
    if "maintenance" in changed:
        is_on = changed.pop("maintenance")
        reason = node.maintenance_reason if is_on else None
        set_maintenance(call.services, session, node, is_on=is_on, reason=reason)
    put_values(session, node, changed | _consequences(changed), call.services.catalog)
    if were_connected and not connects(call.services, node):
        _refuse_while_attached(call, session, node)
    if "instance_info" in changed and not node.instance_name:
        node.instance_name = values.text(node.instance_info.get("display_name"), "display_name")
    if _DECIDES_THE_OWNER & set(changed):
        assign(call.services, session, node)
    node.updated_at = call.services.clock()
    if node.work is not None:  # it may go on where it rested
        call.services.wake()


def _without_same_interfaces(
    node: Node, changed: Mapping[str, Any], catalog: Catalog
) -> Mapping[str, Any]:
    """Return the changes without interfaces that the node has already, chosen or by default."""
    if not any(name.endswith(_SUFFIX) for name in changed):
        return changed
    try:
        names = catalog.names_of(node.driver, node.interfaces or {})
    except Invalid:  # it has what is not served any more
        return changed
    return {
        name: value
        for name, value in changed.items()
        if not name.endswith(_SUFFIX) or value != names[name.removesuffix(_SUFFIX)]
    }


def _current(node: Node, name: str) -> Any:
    if name == "instance_info":
        return current_instance_info(node)
    if name.endswith(_SUFFIX):
        return (node.interfaces or {}).get(name.removesuffix(_SUFFIX))
    return getattr(node, name)


def _is_in_transition(node: Node, operations: Sequence[Operation]) -> bool:
    """Say whether the state alone refuses the patch."""
    only = [(operation.op, operation.path) for operation in operations]
    if node.maintenance and only == [("remove", ("instance_uuid",))]:
        return False
    return bool(node.target_provision_state) and node.provision_state not in UPDATE_ALLOWED


def _refuse_in_transition(node: Node, operations: Sequence[Operation], minor: int) -> None:
    if _is_in_transition(node, operations):
        raise Conflict(
            f"Node {node.uuid} can not be updated while a state transition is in progress: "
            f"it is {node.provision_state!r} on the way to {node.target_provision_state!r}"
        )
    if node.provision_state == State.INSPECTING and minor >= _INSPECTING_LOCKED_SINCE:
        raise Conflict(f'Cannot update node "{node.uuid}" while it is in state "inspecting"')


def _refuse_by_state(node: Node, changed: Mapping[str, Any]) -> None:
    state = node.provision_state
    is_open = state in HARDWARE_MAY_CHANGE
    for name, value in changed.items():
        if name.endswith(_SUFFIX) and not (is_open or node.maintenance):
            raise Conflict(_only_in(node, name, HARDWARE_MAY_CHANGE, " or in maintenance mode"))
        if name == "resource_class" and node.resource_class not in (None, value) and not is_open:
            raise Conflict(_only_in(node, name, HARDWARE_MAY_CHANGE))
        if name == "protected" and value and state not in (State.ACTIVE, State.RESCUE):
            raise Conflict(_only_in(node, "protected", {State.ACTIVE, State.RESCUE}))
        if name == "retired" and value and state == State.AVAILABLE:
            raise Conflict(
                f"Node {node.uuid} is available and cannot be retired; move it to manageable first"
            )
        if name == "instance_uuid" and value and node.instance_uuid not in (None, value):
            raise Conflict(
                f"Node {node.uuid} is associated with instance {node.instance_uuid}; "
                "remove instance_uuid before setting another"
            )


def _refuse_owner(call: Call, session: Session, node: Node) -> None:
    """Refuse to give away a node that somebody uses."""
    rule = "baremetal:node:update_owner_provisioned"
    if node.provision_state == State.ACTIVE and not may(call.principal, rule, target_of(node)):
        raise Conflict(f'Cannot update owner of node "{node.uuid}" while it is active')
    allocation = allocation_of(session, node.id)
    if allocation is not None and allocation.owner is not None:
        raise Conflict(
            f'Cannot update owner of node "{node.uuid}" while it has the allocation {allocation.uuid}, which has an owner'
        )


def _refuse_while_attached(call: Call, session: Session, node: Node) -> None:
    """Keep the network interface that takes the node's ports out of their networks again."""
    with session.no_autoflush:
        ports = session.scalars(select(Port).where(Port.node_id == node.id)).all()
    what = f"node {node.uuid} gets a network interface without switches"
    refuse_while_attached(session, node, ports, what, call.services.clock())


def _refuse_reasons(node: Node, changed: Mapping[str, Any]) -> None:
    for flag in ("protected", "retired"):
        is_set = changed.get(flag, getattr(node, flag))
        if changed.get(f"{flag}_reason") and not is_set:
            raise Invalid(f"The {flag}_reason field can only be set when {flag} is true")


def _consequences(changed: Mapping[str, Any]) -> dict[str, Any]:
    also: dict[str, Any] = {}
    for flag in ("protected", "retired"):
        if changed.get(flag) is False:
            also[f"{flag}_reason"] = None
    return also


def _only_in(node: Node, name: str, states: Collection[State], also: str = "") -> str:
    allowed = ", ".join(sorted(states))
    return (
        f"Node {node.uuid} can not have {name} updated unless it is in one of these states: "
        f"{allowed}{also}; its state is {node.provision_state}"
    )
