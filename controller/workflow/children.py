"""Child nodes of a node (``parent_node``; a DPU in its host): which there are, why one cannot take a step, and what it was asked for.

A parent's work has ``data["children"] = {"id": order, "left": [uuid, ...]}`` while its children carry a step out.
"""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from controller.errors import ControllerError
from controller.store.nodes import locking
from controller.store.tables import Node, Work
from controller.workflow.machine import check_bmc
from controller.workflow.services import Services

ASKED, ENDED = "child_step_asked", "child_step_ended"
"""Keys of a child's ``driver_internal_info``: which order it had last, and which has ended well."""
CHILDREN = "children"
"""Key of a parent's work data."""
PREFIX = "child."
"""Of the stages of a child that carries a step out for its parent."""
_SOON_OVER = ("power.", "management.")


def children_of(
    session: Session, node: Node, uuids: Sequence[str] | None = None, *, lock: bool = False
) -> Sequence[Node]:
    """Return the children of a node, or those of them that are named."""
    query = select(Node).where(Node.parent_node == node.uuid).order_by(Node.id)
    if uuids is not None:
        query = query.where(Node.uuid.in_(uuids))
    return session.scalars(locking(query) if lock else query).all()


def obstacle(services: Services, child: Node) -> str | None:
    """Return why a child cannot begin a step for its parent, as a verb would refuse it; ``None`` = nothing stands against it.

    A power action or a call to its BMC is soon over and no reason. A retired child takes steps, as retired nodes take verbs.
    """
    stage = child.stage
    why = None
    if child.maintenance:
        why = f"is in maintenance ({child.maintenance_reason or 'no reason given'})"
    elif child.conductor is None:
        why = "is served by no running controller"
    elif stage is not None and not stage.startswith(_SOON_OVER):
        why = f"is {child.provision_state!r}, at {stage}"
    else:
        why = _incomplete(services, child)
    return None if why is None else f"child node {child.name or child.uuid} {why}"


def _incomplete(services: Services, child: Node) -> str | None:
    try:
        check_bmc(services, child)
    except ControllerError as error:
        return f"cannot be switched: {error}"
    return None


def began(work: Work) -> tuple[str, tuple[str, ...]] | None:
    """Return the order that a parent's work has given to children, and those that have not ended it; ``None`` = none."""
    order = work.data.get(CHILDREN)
    if not isinstance(order, dict):
        return None
    return str(order.get("id")), tuple(map(str, order.get("left") or ()))
