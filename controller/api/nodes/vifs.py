"""``/v1/nodes/<node>/vifs``: a client's virtual interfaces on the node's ports."""

from typing import Any

from flask import Response

from controller.api.call import Call
from controller.api.replies import empty_reply, json_reply
from controller.errors import Invalid
from controller.store.identity import is_legal_name, is_uuid
from controller.store.nodes import get_node
from controller.workflow import vifs

_PLACE_SINCE = 67


def index(call: Call, ident: str) -> Response:
    """List the VIFs that are attached to the node."""
    with call.services.store.read() as session:
        found = vifs.list_vifs(call.services, session, get_node(session, ident))
    return json_reply({"vifs": [{"id": vif} for vif in found]})


def attach(call: Call, ident: str) -> Response:
    """Attach a VIF to a free port or port group, or to the one that is named; a network interface without VIFs forgets it."""
    body = call.body_object()
    vif = _named(body.get("id"))
    if call.minor >= _PLACE_SINCE and {"port_uuid", "portgroup_uuid"} <= body.keys():
        raise Invalid("Cannot specify both port_uuid and portgroup_uuid")
    port = body.get("port_uuid")
    group = None if "port_uuid" in body else body.get("portgroup_uuid")
    for one in (port, group):
        if one is not None and not isinstance(one, str):
            raise Invalid("port_uuid and portgroup_uuid must be UUIDs")
    vifs.attach_vif(call.services, ident, vif, port=port, group=group)
    return empty_reply()


def detach(call: Call, ident: str, vif: str) -> Response:
    """Detach a VIF."""
    vifs.detach_vif(call.services, ident, _named(vif))
    return empty_reply()


def _named(vif: Any) -> str:
    if not isinstance(vif, str) or not (is_uuid(vif) or is_legal_name(vif)):
        raise Invalid(f"Expected UUID or name for the id of a VIF: {vif}")
    return vif
