"""Forgetting a node: only where no machine is left in an unknown condition."""

from sqlalchemy.orm import Session

from controller.errors import Conflict, Forbidden, NodeLocked
from controller.states import State
from controller.store.claims import is_claimed, remove_work
from controller.store.nodes import get_node

_DELETABLE = (State.ENROLL, State.MANAGEABLE, State.AVAILABLE, State.ADOPT_FAILED)


def delete_node(session: Session, ident: str) -> None:
    """Delete the node with its ports and its history.

    Raises:
        NotFound: There is no such node.
        NodeLocked: A worker is at the node.
        Forbidden: The node is protected.
        Conflict: The node has an instance, or its state does not allow it.
    """
    node = get_node(session, ident, for_update=True)
    if is_claimed(node):
        raise NodeLocked(
            f"Node {node.uuid} is locked by host {node.claim_owner}, "
            "please retry after the current operation is completed."
        )
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
