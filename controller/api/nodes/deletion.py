"""Forgetting a node: only where no machine is left in an unknown condition."""

from sqlalchemy.orm import Session

from controller.errors import Conflict, Forbidden
from controller.states import State
from controller.store.claims import remove_work
from controller.store.tables import Node

_DELETABLE = (State.ENROLL, State.MANAGEABLE, State.AVAILABLE, State.ADOPT_FAILED)


def delete_node(session: Session, node: Node) -> None:
    """Delete the free node with its ports and its history.

    Raises:
        Forbidden: The node is protected.
        Conflict: The node has an instance, or its state does not allow it.
    """
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
    remove_work(session, node.id)
    session.delete(node)
