"""Forgetting a node: only where no machine is left in an unknown condition.

Ironic leaves the machine of a deleted node as it is, also one that fast track keeps in the ramdisk. Here that one is switched off first:
afterwards nobody would know of it. In maintenance, which is how nodes with a dead BMC are deleted, it is tried. Ports that are in a network at their
switch are taken out for the same reason; in maintenance they stay as they are.
"""

import logging

from sqlalchemy import select
from sqlalchemy.orm import Session

from controller.errors import Conflict, ControllerError, Forbidden, NodeLocked
from controller.states import State
from controller.store.claims import remove_work
from controller.store.nodes import get_node
from controller.store.tables import Node, Port
from controller.workflow.fast_track import is_kept
from controller.workflow.locks import free_node, held_node
from controller.workflow.networks.move import connects, move
from controller.workflow.networks.places import attached_words
from controller.workflow.networks.plan import Moment
from controller.workflow.services import Services
from controller.workflow.stay import end_stay

log = logging.getLogger(__name__)

_DELETABLE = (State.ENROLL, State.MANAGEABLE, State.AVAILABLE, State.ADOPT_FAILED)


def delete_node(services: Services, ident: str) -> None:
    """Delete the node with its ports and its history.

    Raises:
        NotFound: There is no such node.
        NodeLocked: Something goes on with the node.
        Forbidden: The node is protected.
        Conflict: The node has an instance, its state does not allow it, its machine runs the ramdisk and cannot be switched off, or a port
            stays in a network at its switch.
        Invalid: As :func:`controller.workflow.networks.move.move`.
        SwitchError: As Invalid; the node stays.
    """
    with free_node(services, ident) as (session, node):
        _refuse(node)
        was_kept, attached = is_kept(node), _attached(session, node)
        if not was_kept and not attached:
            _delete(session, node)
            return
    is_off = not was_kept or _end_stay(services, node)
    if attached and not node.maintenance and connects(services, node):
        _take_out(services, node)
    with free_node(services, node.uuid) as (session, row):
        _refuse(row)
        if is_off and is_kept(row):  # a workflow has come and gone between
            raise NodeLocked(f"Node {row.uuid} has been booted meanwhile; ask again")
        _refuse_attached(session, row)
        _delete(session, row)


def _end_stay(services: Services, node: Node) -> bool:
    """Switch the machine off; false = that failed, and the node is in maintenance and deleted nevertheless."""
    try:
        end_stay(services, node.uuid)
    except NodeLocked:
        raise
    except ControllerError as error:
        text = (
            f"Node {node.uuid} was not deleted: fast track keeps its machine in the ramdisk, and it could not be switched off: "
            f"{error}"
        )
        with services.store.read() as session:
            is_in_maintenance = get_node(session, node.uuid).maintenance
        if not is_in_maintenance:
            raise Conflict(
                f"{text}; set the node into maintenance mode to delete it and leave its machine as it is"
            ) from error
        log.warning("%s; it is deleted nevertheless, because it is in maintenance", text)
        return False
    return True


def _attached(session: Session, node: Node) -> str:
    """Return in words which ports are in a network at their switch; empty = none."""
    ports = session.scalars(select(Port).where(Port.node_id == node.id).order_by(Port.id))
    return "; ".join(words for port in ports if (words := attached_words(port)))


def _take_out(services: Services, node: Node) -> None:
    with held_node(services, node.uuid, "management.call") as held:
        moved = move(services, held, Moment.IDLE, wait_s=services.settings.verb_patience_s)
        with services.store.edit() as session:
            for port in session.scalars(select(Port).where(Port.uuid.in_(moved.ports))):
                port.internal_info = moved.ports[port.uuid]["internal_info"]


def _refuse_attached(session: Session, node: Node) -> None:
    attached = _attached(session, node)
    if attached and not node.maintenance:
        raise Conflict(
            f"Node {node.uuid} was not deleted: {attached}, and nothing takes it out there; set the node into maintenance mode to delete it and "
            "leave its ports as they are"
        )
    if attached:
        log.warning(
            "node %s is deleted in maintenance: %s, and stays so; take it out at the switch by hand",
            node.uuid,
            attached,
        )


def _delete(session: Session, node: Node) -> None:
    remove_work(session, node.id)
    session.delete(node)


def _refuse(node: Node) -> None:
    if node.instance_uuid is not None and not node.maintenance:
        raise Conflict(f"Node {node.uuid} is associated with instance {node.instance_uuid}.")
    if node.protected:
        raise Forbidden(f"Node {node.uuid} is protected; unset protected before deleting it")
    if node.provision_state not in _DELETABLE and not node.maintenance:
        raise Conflict(
            f'Can not delete node "{node.uuid}" while it is in provision state '
            f'"{node.provision_state}". Valid provision states to perform deletion are: '
            f"{', '.join(_DELETABLE)}; or set the node into maintenance mode"
        )
