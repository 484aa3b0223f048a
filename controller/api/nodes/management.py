"""A node's maintenance, validation and boot device."""

from http import HTTPStatus
from typing import Any

from flask import Response

from controller.api.call import Call, refuse_unknown
from controller.api.documents import values
from controller.api.nodes.asked import asked_node
from controller.api.replies import empty_reply, json_reply
from controller.errors import Invalid
from controller.store.nodes import get_node
from controller.workflow import verbs
from controller.workflow.maintenance import set_maintenance as set_node_maintenance


def validate(call: Call, ident: str) -> Response:
    """Say for each interface whether the node is ready for it, and what is missing."""
    return json_reply(verbs.validate(call.services, ident))


def validate_asked(call: Call) -> Response:
    """Say the same of the node that the query names."""
    return json_reply(verbs.validate(call.services, asked_node(call)))


def set_maintenance(call: Call, ident: str) -> Response:
    """Switch maintenance on, with a ``reason``."""
    body = call.body_object()
    refuse_unknown(body, "reason")
    reason = values.text(body.get("reason"), "reason")
    _maintain(call, ident, is_on=True, reason=reason)
    return empty_reply(HTTPStatus.ACCEPTED)


def unset_maintenance(call: Call, ident: str) -> Response:
    """Switch maintenance off and clear the fault."""
    _maintain(call, ident, is_on=False, reason=None)
    return empty_reply(HTTPStatus.ACCEPTED)


def boot_device(call: Call, ident: str) -> Response:
    """Ask the BMC for the boot device."""
    return json_reply(verbs.boot_device(call.services, ident))


def set_boot_device(call: Call, ident: str) -> Response:
    """Set the boot device, once or persistently."""
    body: dict[str, Any] = dict(call.query) | call.body_object()
    refuse_unknown(body, "boot_device", "persistent")
    device = body.get("boot_device")
    if not isinstance(device, str):
        raise Invalid("Missing mandatory parameter: boot_device")
    persistent = values.argument(body.get("persistent"), "persistent")
    verbs.set_boot_device(call.services, ident, device, persistent)
    return empty_reply()


def supported_boot_devices(call: Call, ident: str) -> Response:
    """List the boot devices that can be set."""
    devices = verbs.supported_boot_devices(call.services, ident)
    return json_reply({"supported_boot_devices": devices})


def _maintain(call: Call, ident: str, *, is_on: bool, reason: str | None) -> None:
    with call.services.store.edit() as session:
        node = get_node(session, ident, for_update=True)
        set_node_maintenance(call.services, session, node, is_on=is_on, reason=reason)
        node.updated_at = call.services.clock()
    call.services.wake()
