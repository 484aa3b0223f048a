"""Query arguments that choose nodes."""

from typing import Any

from sqlalchemy.orm import Session

from controller.api.call import Call
from controller.errors import Invalid, NotFound
from controller.states import State
from controller.store.chassis import get_chassis
from controller.store.identity import is_uuid
from controller.store.node_lists import NodeFilters
from controller.store.nodes import get_node
from controller.workflow.failure import STEP_FAILURE

_FAULTS = (
    "power failure",
    "clean failure",
    "rescue abort failure",
    "service failure",
    STEP_FAILURE,
)
_SINCE = {
    "provision_state": 9,
    "driver": 16,
    "resource_class": 21,
    "fault": 42,
    "conductor_group": 46,
    "conductor": 49,
    "owner": 50,
    "lessee": 65,
    "shard": 82,
    "sharded": 82,
    "parent_node": 83,
    "include_children": 83,
    "instance_name": 104,
}
_BY_TEXT = (
    "instance_uuid",
    "driver",
    "resource_class",
    "owner",
    "lessee",
    "instance_name",
)
FILTER_ARGUMENTS = (
    *_BY_TEXT,
    "chassis_uuid",
    "provision_state",
    "fault",
    "conductor_group",
    "conductor",
    "maintenance",
    "retired",
    "associated",
    "project",
    "description_contains",
    "shard",
    "sharded",
    "parent_node",
    "include_children",
)
"""Every argument that ``filters_of`` understands."""


def filters_of(call: Call, session: Session, chassis: str | None = None) -> NodeFilters:
    """Return the filters that the request's arguments ask for; ``chassis`` = the one whose nodes are listed.

    Raises:
        NotAcceptable: An argument that the microversion does not have.
        Invalid: A value that no node can have.
        NotFound: There is no such chassis.
    """
    for name, minor in _SINCE.items():
        if name in call.query:
            call.require(minor, f"The filter {name}")
    shards = call.query.get("shard")
    return NodeFilters(
        equal=(*_equal(call, session), *_in_chassis(call, session, chassis)),
        is_associated=call.flag("associated"),
        project=call.query.get("project"),
        description_contains=call.query.get("description_contains"),
        shards=None if shards is None else tuple(shards.split(",")),
        is_sharded=call.flag("sharded"),
        with_children=bool(call.flag("include_children")),
    )


def _equal(call: Call, session: Session) -> list[tuple[str, Any]]:
    query = call.query
    found: list[tuple[str, Any]] = [(name, query[name]) for name in _BY_TEXT if name in query]
    found += [(name, call.flag(name)) for name in ("maintenance", "retired") if name in query]
    if "provision_state" in query:
        found.append(("provision_state", _state(query["provision_state"])))
    if "fault" in query:
        found.append(("fault", _fault(query["fault"])))
    if "conductor_group" in query:
        found.append(("conductor_group", query["conductor_group"].lower()))
    if "conductor" in query:
        found.append(("conductor", query["conductor"]))
    if "parent_node" in query:
        found.append(("parent_node", _parent(session, query["parent_node"])))
    return found


def _in_chassis(call: Call, session: Session, chassis: str | None) -> list[tuple[str, Any]]:
    asked = call.query.get("chassis_uuid")
    for uuid in (asked, chassis):
        if uuid is not None and not is_uuid(uuid):
            raise Invalid(f"Expected UUID for chassis_uuid: {uuid}")
    found = [get_chassis(session, uuid).uuid for uuid in (asked, chassis) if uuid is not None]
    return [("chassis_uuid", uuid) for uuid in found]


def _state(text: str) -> str:
    if text not in set(State):
        raise Invalid(f'Provision state "{text}" is not valid; valid: {", ".join(State)}')
    return text


def _fault(text: str) -> str | None:
    if text == "none":
        return None
    if text not in _FAULTS:
        raise Invalid(f'Unrecognized fault "{text}"; valid: {", ".join(_FAULTS)}, none')
    return text


def _parent(session: Session, ident: str) -> str:
    try:
        return get_node(session, ident).uuid
    except NotFound:
        return ident
