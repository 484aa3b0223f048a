"""Making a node from what a client sent."""

from typing import Any

from sqlalchemy.orm import Session

from controller.api.call import Call
from controller.api.nodes.fields import NODE_FIELDS
from controller.api.nodes.stored import put_values
from controller.api.nodes.view import check_names
from controller.errors import Invalid
from controller.states import State
from controller.store.events import record_event
from controller.store.identity import new_uuid
from controller.store.tables import Node
from controller.workflow.power_sync import watch_power
from controller.workflow.takeover import assign

_ENROLL_SINCE = 11
_CREATABLE = tuple(name for name, field in NODE_FIELDS.items() if field.at_creation)


def create_node(call: Call, session: Session, body: dict[str, Any]) -> Node:
    """Add a node.

    Raises:
        Invalid: An unknown field, a value of the wrong type, no or an unknown driver.
        NotAcceptable: A field that the microversion does not have.
        Conflict: Name, UUID or instance UUID are taken.
    """
    values = _checked(call, body)
    if not values.get("driver"):
        raise Invalid("driver is required; GET /v1/drivers lists the valid ones")
    state = State.ENROLL if call.minor >= _ENROLL_SINCE else State.AVAILABLE
    now = call.services.clock()
    node = Node(
        uuid=values.pop("uuid", None) or new_uuid(),
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


def _checked(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(body) - set(_CREATABLE))
    if unknown:
        valid = ", ".join(sorted(_CREATABLE))
        raise Invalid(f"A node cannot be created with {', '.join(unknown)}; valid fields: {valid}")
    check_names(call, body)
    values = {}
    for name, value in body.items():
        check = NODE_FIELDS[name].check
        if check is not None:
            values[name] = check(value, name)
    return values
