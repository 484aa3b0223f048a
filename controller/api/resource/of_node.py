"""What resources that belong to nodes have in common: the lists of one node, and query arguments that choose nodes."""

from collections.abc import Mapping
from types import MappingProxyType

from sqlalchemy.orm import Session

from controller.api.access.sight import see_node
from controller.api.call import Call
from controller.api.resource.rules import Change, Condition, Filter, Parent
from controller.errors import Invalid, NotFound
from controller.store.nodes import get_node
from controller.store.tables import Node


def of_node(call: Call, session: Session, ident: str) -> Condition:
    """Choose the items of the node with this UUID or name.

    Raises:
        NotFound: There is no such node, or the principal does not see it.
        Invalid: That is no UUID or name, such as nothing.
    """
    found: Condition = Node.uuid == see_node(call, session, ident).uuid
    return found


def _of_groups(_call: Call, _session: Session, names: str) -> Condition:
    return Node.conductor_group.in_(names.lower().split(","))


def _of_shards(_call: Call, _session: Session, names: str) -> Condition:
    return Node.shard.in_(names.split(","))


def node_after(change: Change) -> Node:
    """Return the node whose an item is after a patch.

    Raises:
        Invalid: There is no such node.
    """
    if change.node is None:
        raise RuntimeError("an item without a node")  # a fault of its description
    if "node_uuid" not in change.changed:
        return change.node
    try:
        with change.session.no_autoflush:
            return get_node(change.session, change.values["node_uuid"])
    except NotFound as error:
        raise Invalid(str(error)) from error


BELOW_NODES = Parent(path="nodes/<ident>", rows=of_node)
"""The list of one node's items."""
NODE_FILTERS: Mapping[str, Filter] = MappingProxyType(
    {
        "node": Filter(rows=of_node),
        "shard": Filter(rows=_of_shards),
        "conductor_groups": Filter(rows=_of_groups),
    }
)
