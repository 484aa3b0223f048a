"""What a transaction means for whoever is to be notified of anything but nodes.

What is told is done in the transaction that tells of it: it has ``end`` and no ``start`` (decision 77). The end of an allocation's search for a node,
which is a row's change as any other, is told as an ``update``, too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from controller.store.base import Base
from controller.store.item_payload import ITEM_KINDS, item_payload
from controller.store.notifications import Made
from controller.store.tables import Node


@dataclass(slots=True)
class ItemChange:
    """What becomes of one row in a transaction."""

    row: Base
    is_new: bool = False
    is_gone: bool = False


def notification_of(session: Session, change: ItemChange) -> Iterator[Made]:
    """Give what is to be told of a change: who may read of the node may read of what is the node's.

    Args:
        session: Knows the node, which who changes its ports has locked.
        change: Of one row.
    """
    if change.is_new and change.is_gone:
        return
    row: Any = change.row
    kind = ITEM_KINDS[type(change.row)]
    node_id = row.node_id if kind.has_node else None
    node = session.get(Node, node_id) if node_id is not None else None
    whose = row if hasattr(row, "owner") else node
    action = "delete" if change.is_gone else "create" if change.is_new else "update"
    yield Made(
        event_type=f"baremetal.{kind.word}.{action}.end",
        priority="info",
        node_uuid=node.uuid if node is not None else "",
        owner=whose.owner if whose is not None else None,
        lessee=node.lessee if node is not None and whose is node else None,
        payload=item_payload(change.row, node.uuid if node is not None else None),
    )
