"""Links from one thing to a node: who sets one must see that node, and both must be of one owner.

Ironic's rule (``authorize_node_link``), for everybody, also where no policy is asked: what hangs below a project's node is seen
and changed by that project.
"""

from typing import Any

from sqlalchemy.orm import Session

from controller.api.access.sight import sees
from controller.api.call import Call
from controller.errors import Invalid, NotFound
from controller.store.nodes import get_node


def check_link(call: Call, session: Session, owner: str | None, ident: Any, field: str) -> None:
    """Refuse a link to a node that is not there, that the principal does not see, or that has another owner.

    Args:
        call: Who asks.
        session: An open session.
        owner: Of what gets the link.
        ident: The other node: UUID or name.
        field: Where it stands.

    Raises:
        Invalid: In the same words for all three: they do not say whether there is such a node.
    """
    try:
        with session.no_autoflush:
            node = get_node(session, ident)
    except NotFound:
        node = None
    if node is None or node.owner != owner or not sees(call, node):
        raise Invalid(
            f"{field}: node {ident} could not be found among those that you see and that have the same owner"
        )
