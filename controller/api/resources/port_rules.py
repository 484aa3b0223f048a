"""When a port may change or go, by the state of its node; the rules are Ironic's (conductor, ``update_port``).

Two are ours: while a workflow is at the node, its MAC addresses stay, as the machine is recognized by them; and a port that is in a network at its
switch is not forgotten, as nobody would take it out again.
"""

from collections.abc import Collection, Iterable

from sqlalchemy.orm import Session

from controller.errors import Conflict, NodeLocked
from controller.states import State
from controller.store.events import record_event
from controller.store.tables import Node, Port
from controller.workflow.locks import is_at_work
from controller.workflow.networks.places import attached_words

_IDENTITY = frozenset({"address", "node_uuid"})
_CONNECTIVITY = ("local_link_connection", "physical_network", "portgroup_uuid", "pxe_enabled")
_CONNECTIVITY_MAY_CHANGE = (
    State.ENROLL,
    State.INSPECTING,
    State.INSPECT_WAIT,
    State.MANAGEABLE,
)


def refuse_change(node: Node, port_uuid: str, changed: Collection[str]) -> None:
    """Refuse the change of these fields of a port in the node's state.

    Raises:
        Conflict: The MAC address of a deployed machine, or connectivity in a state that does not allow it.
        NodeLocked: A workflow is at the node.
    """
    identity = sorted(_IDENTITY & set(changed))
    if identity and not node.maintenance and _is_in_use(node):
        raise Conflict(
            f"Cannot update {', '.join(identity)} of port {port_uuid}: node {node.uuid} is active or has an instance "
            "UUID; switch maintenance on first"
        )
    if identity:
        _refuse_while_busy(node, f"{', '.join(identity)} of port {port_uuid} cannot change")
    connectivity = [name for name in _CONNECTIVITY if name in changed]
    if connectivity and not (node.provision_state in _CONNECTIVITY_MAY_CHANGE or node.maintenance):
        raise Conflict(
            f"Port {port_uuid} can not have {', '.join(connectivity)} updated unless node {node.uuid} is in one of "
            f"these states: {', '.join(_CONNECTIVITY_MAY_CHANGE)} or in maintenance mode; its state is "
            f"{node.provision_state}"
        )


def refuse_deletion(node: Node, port_uuid: str, vif: str | None) -> None:
    """Refuse to delete a port that an instance uses, or by which a workflow recognizes the machine.

    Raises:
        Conflict: The VIF is attached to it; it may go in maintenance.
        NodeLocked: A workflow is at the node.
    """
    if vif is not None and not node.maintenance:
        raise Conflict(
            f"Cannot delete the port {port_uuid} as it is bound to VIF {vif} for use; detach that first"
        )
    _refuse_while_busy(node, f"port {port_uuid} cannot be deleted")


def refuse_while_attached(
    session: Session, node: Node, ports: Iterable[Port], what: str, now: float
) -> None:
    """Refuse what would have nobody take ports out of the networks that they are in at their switches.

    Args:
        session: A session of ``Store.edit``.
        node: Whose they are; in maintenance its history is told instead.
        ports: Those that would be forgotten.
        what: What is asked for, as ``port .. is deleted``.
        now: Seconds since the epoch.

    Raises:
        Conflict: One of them is in a network.
    """
    left = "; ".join(words for port in ports if (words := attached_words(port)))
    if not left:
        return
    if not node.maintenance:
        raise Conflict(
            f"Refused that {what}: {left}, and would stay so; have node {node.uuid} torn down or cleaned, or detach the VIF, or switch "
            "maintenance on first and take it out at the switch by hand"
        )
    text = f"{what} in maintenance: {left}, and stays so; take it out at the switch by hand"
    record_event(session, node, "request", text, severity="WARNING", at=now)


def _is_in_use(node: Node) -> bool:
    return node.provision_state == State.ACTIVE or node.instance_uuid is not None


def _refuse_while_busy(node: Node, what: str) -> None:
    if is_at_work(node):
        raise NodeLocked(
            f"{what}: node {node.uuid} is {node.provision_state!r} (at {node.stage}) and is recognized by its ports; "
            "please retry after the current operation is completed"
        )
