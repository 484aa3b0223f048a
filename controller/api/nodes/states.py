"""``/v1/nodes/<ident>/states``: what a node is, and the verbs that change it; done by the workflow."""

from http import HTTPStatus
from typing import Any

import msgspec
from flask import Response

from controller.api.call import Call, refuse_unknown
from controller.api.documents.orders import MOST_POWER_TIMEOUT_S, PowerOrder
from controller.api.nodes.fields import NODES, STATES_FIELDS
from controller.api.replies import empty_reply
from controller.api.resource.reading import document
from controller.errors import Invalid, NotFound
from controller.states import State
from controller.store.nodes import read_node
from controller.workflow import verbs
from controller.workflow.locks import free_node
from controller.workflow.machine import interfaces_of
from controller.workflow.node_rules import require_raid_config
from controller.workflow.verb_request import ARGUMENT_SINCE, ProvisionRequest
from controller.workflow.verb_table import TABLE, Verb

_SOFT_POWER_SINCE = 27
_MOST_DIGITS = len(str(MOST_POWER_TIMEOUT_S))
_CONFIG_DRIVE_OBJECT_SINCE = 56
_REBUILD_WITH_CONFIG_DRIVE_SINCE = 35
_RUNBOOK_TRAITS_SINCE = 112


def show(call: Call, ident: str) -> Response:
    """Show the states of a node and its progress."""
    known = NODES.known(call.minor)
    return document(call, NODES, ident, [name for name in STATES_FIELDS if name in known])


def provision(call: Call, ident: str) -> Response:
    """Start a provision verb; look at the states to follow it."""
    body = call.body_object()
    target = _target(body)
    verb = TABLE.get(target)
    if verb is not None:
        call.require(verb.since, f"The target {target!r}")
    for name in set(body) & set(ARGUMENT_SINCE):
        later = verb.argument_since.get(name, 1) if verb is not None else 1
        call.require(max(ARGUMENT_SINCE[name], later), f"The argument {name}")
    _check_config_drive(call, target, body.get("configdrive"))
    if verb is not None and verb.since_in:
        _require_in_state(call, ident, verb)
    verbs.provision(
        call.services,
        ident,
        _provision_request(body),
        runbooks_by_name=call.minor < _RUNBOOK_TRAITS_SINCE,
    )
    return _accepted(call, ident)


def _check_config_drive(call: Call, target: str, drive: Any) -> None:
    """Refuse a config drive in a form, or with a verb, that the request's version has not; with Ironic's status."""
    if isinstance(drive, dict) and call.minor < _CONFIG_DRIVE_OBJECT_SINCE:
        raise Invalid(
            f"A config drive as an object needs API version 1.{_CONFIG_DRIVE_OBJECT_SINCE}, the request has 1.{call.minor}"
        )
    if drive and target == "rebuild" and call.minor < _REBUILD_WITH_CONFIG_DRIVE_SINCE:
        raise Invalid(
            f"A config drive for a rebuild needs API version 1.{_REBUILD_WITH_CONFIG_DRIVE_SINCE}, the request has 1.{call.minor}"
        )


def power(call: Call, ident: str) -> Response:
    """Switch the power on, off, or off and on; ``soft`` asks the operating system."""
    body = call.body_object()
    target = _target(body)
    refuse_unknown(body, *PowerOrder.__struct_fields__)
    if target.startswith("soft ") or body.get("timeout") is not None:
        call.require(_SOFT_POWER_SINCE, "Soft power and timeout")
    verbs.set_power(call.services, ident, target, _timeout_s(body.get("timeout")))
    return _accepted(call, ident)


def raid(call: Call, ident: str) -> Response:
    """Say which logical disks the node shall have; the steps of the interface ``raid`` make them. An empty object: none are wanted."""
    wanted = call.body_object()
    with free_node(call.services, ident) as (_session, node):
        interfaces = interfaces_of(call.services, node)
        if wanted and not interfaces.supports("raid"):
            raise NotFound(
                f"Node {ident} has the raid_interface {interfaces.names['raid']}, which does not support RAID; set it to"
                " agent first"
            )
        require_raid_config(wanted)
        node.target_raid_config = wanted
        node.updated_at = call.services.clock()
    return empty_reply()


def _target(body: dict[str, Any]) -> str:
    target = body.get("target")
    if not isinstance(target, str):
        raise Invalid("Missing mandatory parameter: target")
    return target


def _require_in_state(call: Call, ident: str, verb: Verb) -> None:
    """Refuse a verb that came to the node's state later than the client's version."""
    with call.services.store.read() as session:
        state = State(read_node(session, ident, ("provision_state",)).provision_state)
    since = verb.since_in.get(state, 1)
    call.require(since, f"The target {verb.name!r} in the state {state.value!r}")


def _provision_request(body: dict[str, Any]) -> ProvisionRequest:
    refuse_unknown(body, *ProvisionRequest.__struct_fields__)
    try:
        return msgspec.convert(body, ProvisionRequest)
    except msgspec.ValidationError as error:
        raise Invalid(f"The provision request is malformed: {error}") from error


def _timeout_s(value: Any) -> float | None:
    if value is None:
        return None
    if (
        isinstance(value, str)
        and value.isascii()
        and value.isdigit()
        and len(value) <= _MOST_DIGITS
    ):
        value = int(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 < value <= MOST_POWER_TIMEOUT_S:
        raise Invalid(
            f"timeout must be a number of seconds above 0 and at most {MOST_POWER_TIMEOUT_S}, not {value!r:.100}"
        )
    return float(value)


def _accepted(call: Call, ident: str) -> Response:
    location = f"{call.base_url}/v1/nodes/{ident}/states"
    return empty_reply(HTTPStatus.ACCEPTED, location)
