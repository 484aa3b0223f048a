"""Making a node from what a client sent."""

from typing import Any

from sqlalchemy.orm import Session

from controller.api.call import Call
from controller.api.nodes.fields import NODES
from controller.api.nodes.stored import put_values
from controller.api.resource.values import created_values
from controller.states import State
from controller.store.events import record_event
from controller.store.identity import new_uuid
from controller.store.tables import Node
from controller.workflow.power_sync import watch_power
from controller.workflow.takeover import assign

_ENROLL_SINCE = 11


def create_node(call: Call, session: Session, body: dict[str, Any]) -> Node:
    """Add a node.

    Raises:
        Invalid: An unknown field, a value of the wrong type, no or an unknown driver.
        NotAcceptable: A field that the microversion does not have.
        Conflict: Name, UUID or instance UUID are taken.
    """
    values = created_values(call, NODES, body)
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
    put_values(session, node, values | {"uuid": node.uuid}, call.services.catalog)
    session.add(node)
    session.flush()
    assign(call.services, session, node)
    watch_power(call.services, session, node)
    record_event(session, node, "request", f"Node created in state {state}", at=now)
    return node
