"""Making a node from what a client sent."""

from typing import Any

from sqlalchemy.orm import Session

from controller.api.access.limits import owner_of_new
from controller.api.access.links import check_link
from controller.api.access.sight import see_chassis
from controller.api.call import Call
from controller.api.nodes.fields import NODES
from controller.api.nodes.stored import put_values
from controller.api.resource.values import created_values
from controller.errors import Invalid, NotFound
from controller.states import State
from controller.store.events import record_event
from controller.store.identity import new_uuid
from controller.store.tables import Node
from controller.workflow.power_sync import watch_power
from controller.workflow.takeover import add_assigned

_ENROLL_SINCE = 11


def create_node(call: Call, session: Session, body: dict[str, Any]) -> Node:
    """Add a node.

    Raises:
        Invalid: An unknown field, a value of the wrong type, no or an unknown driver.
        NotAcceptable: A field that the microversion does not have.
        Conflict: Name, UUID or instance UUID are taken.
    """
    values = created_values(call, NODES, body)
    values["owner"] = owner_of_new(call, values["owner"])
    state = State.ENROLL if call.minor >= _ENROLL_SINCE else State.AVAILABLE
    now = call.services.clock()
    node = Node(
        uuid=values["uuid"] or new_uuid(),
        driver=values["driver"],
        created_at=now,
        provision_state=state.value,
        interfaces={},
        driver_info={},
        instance_info={},
    )
    if values["parent_node"] is not None:
        check_link(call, session, values["owner"], values["parent_node"], "parent_node")
    if values["chassis_uuid"] is not None:
        _check_chassis(call, session, values["chassis_uuid"])
    put_values(session, node, values | {"uuid": node.uuid}, call.services.catalog)
    add_assigned(call.services, session, node)
    watch_power(call.services, session, node)
    record_event(session, node, "request", f"Node created in state {state}", at=now)
    return node


def _check_chassis(call: Call, session: Session, uuid: str) -> None:
    try:
        see_chassis(call, session, uuid)
    except NotFound as error:
        raise Invalid(str(error)) from error
