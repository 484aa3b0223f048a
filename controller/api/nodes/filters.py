"""Query arguments that choose nodes."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from sqlalchemy import or_
from sqlalchemy.orm import Session

from controller.api.access.sight import see_chassis, see_node
from controller.api.call import Call, parse_boolean
from controller.api.resource.rules import Condition, Filter, Parent, Rows
from controller.errors import Invalid, NotFound
from controller.states import State
from controller.store.identity import is_uuid
from controller.store.tables import Node
from controller.workflow.failure import STEP_FAILURE

_FAULTS = (
    "power failure",
    "clean failure",
    "rescue abort failure",
    "service failure",
    STEP_FAILURE,
)


def without_children(call: Call, _session: Session) -> Iterable[Condition]:
    """Leave nodes out that have a parent, unless they or a parent are asked for."""
    if "parent_node" not in call.query and not call.flag("include_children"):
        yield Node.parent_node.is_(None)


def in_chassis(call: Call, session: Session, uuid: str) -> Condition:
    """Choose the nodes of a chassis.

    Raises:
        Invalid: That is no UUID.
        NotFound: There is no such chassis, or none that the principal knows.
    """
    if not is_uuid(uuid):
        raise Invalid(f"Expected UUID for chassis_uuid: {uuid}")
    return Node.chassis_uuid == see_chassis(call, session, uuid)


def _equal(name: str) -> Rows:
    column: Any = getattr(Node, name)

    def rows(_call: Call, _session: Session, text: str) -> Condition:
        found: Condition = column == text
        return found

    return rows


def _of_instance(_call: Call, _session: Session, text: str) -> Condition:
    if not is_uuid(text):
        raise Invalid(f"Expected UUID for instance_uuid: {text}")
    return Node.instance_uuid == text.lower()


def _flag(name: str) -> Rows:
    column: Any = getattr(Node, name)

    def rows(_call: Call, _session: Session, text: str) -> Condition:
        found: Condition = column == parse_boolean(text, name)
        return found

    return rows


def _is_set(column: Any, name: str) -> Rows:
    def rows(_call: Call, _session: Session, text: str) -> Condition:
        found: Condition = column.is_not(None) if parse_boolean(text, name) else column.is_(None)
        return found

    return rows


def _any(_call: Call, _session: Session, _text: str) -> None:
    """Take an argument that ``without_children`` looks at."""


def _in_state(_call: Call, _session: Session, text: str) -> Condition:
    if text not in set(State):
        raise Invalid(f'Provision state "{text}" is not valid; valid: {", ".join(State)}')
    return Node.provision_state == text


def _with_fault(_call: Call, _session: Session, text: str) -> Condition:
    if text == "none":
        return Node.fault.is_(None)
    if text not in _FAULTS:
        raise Invalid(f'Unrecognized fault "{text}"; valid: {", ".join(_FAULTS)}, none')
    return Node.fault == text


def _in_group(_call: Call, _session: Session, text: str) -> Condition:
    return Node.conductor_group == text.lower()


def _of_project(_call: Call, _session: Session, text: str) -> Condition:
    """Choose by owner or lessee."""
    return or_(Node.owner == text, Node.lessee == text)


def _described(_call: Call, _session: Session, text: str) -> Condition:
    return Node.description.icontains(text, autoescape=True)


def _in_shards(_call: Call, _session: Session, text: str) -> Condition:
    return Node.shard.in_(text.split(","))


def _children(call: Call, session: Session, ident: str) -> Condition:
    with suppress(NotFound):  # of one that is not there or hidden, nobody is a child by its name
        ident = see_node(call, session, ident).uuid
    return Node.parent_node == ident


def _take(rows: Rows, since: int = 1) -> Filter:
    return Filter(rows=rows, since=since, is_below=True)


BELOW_CHASSIS = Parent(path="chassis/<ident>", rows=in_chassis)
"""The list of the nodes of a chassis."""
NODE_FILTERS: Mapping[str, Filter] = MappingProxyType(
    {
        "instance_uuid": _take(_of_instance),
        "driver": _take(_equal("driver"), 16),
        "resource_class": _take(_equal("resource_class"), 21),
        "owner": _take(_equal("owner"), 50),
        "lessee": _take(_equal("lessee"), 65),
        "instance_name": _take(_equal("instance_name"), 104),
        "chassis_uuid": _take(in_chassis),
        "provision_state": _take(_in_state, 9),
        "fault": _take(_with_fault, 42),
        "conductor_group": _take(_in_group, 46),
        "conductor": _take(_equal("conductor"), 49),
        "maintenance": _take(_flag("maintenance")),
        "retired": _take(_flag("retired")),
        "associated": _take(_is_set(Node.instance_uuid, "associated")),
        "project": _take(_of_project),
        "description_contains": _take(_described),
        "shard": _take(_in_shards, 82),
        "sharded": _take(_is_set(Node.shard, "sharded"), 82),
        "parent_node": _take(_children, 83),
        "include_children": _take(_any, 83),
    }
)
"""All that lists of nodes take."""
