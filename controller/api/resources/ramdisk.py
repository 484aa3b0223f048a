"""What the deploy ramdisk calls: lookup, heartbeat, continue_inspection; nobody logs in for these."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from flask import Response

from agent.protocol.hardware_address import normal_mac
from agent.protocol.lookup import Heartbeat
from agent.protocol.masking import masked
from controller.api.call import Call
from controller.api.replies import empty_reply, json_reply, links
from controller.errors import Invalid, NotFound
from controller.store.identity import is_uuid
from controller.workflow import heartbeats, inspection, inspection_senders, ramdisk

_RAMDISK_SINCE = 22
_TOKEN_SINCE = 62
_INSPECTION_SINCE = 84
_INVENTORY_TYPES: Mapping[str, tuple[type, str]] = {
    "disks": (list, "list"),
    "bmc_address": (str, "string"),
    "bmc_v6address": (str, "string"),
}
_LONGEST_ADDRESSES = 1024 * len("52:54:00:12:34:56,")
_MOST_CHARACTERS = {
    "callback_url": 512,
    "agent_token": 255,
    "agent_version": 64,
    "agent_verify_ca": 16 * 1024,
    "agent_status": 32,
    "agent_status_message": 16 * 1024,
}
_PLAIN = frozenset({"callback_url", "agent_version"})
_FIELD_SINCE = {
    "agent_version": 36,
    "agent_token": 62,
    "agent_verify_ca": 68,
    "agent_status": 72,
    "agent_status_message": 72,
}


def lookup(call: Call) -> Response:
    """Tell a booted ramdisk which node it is on, and until its first heartbeat its token."""
    _refuse_old(call)
    given = call.query.get("addresses", "")[:_LONGEST_ADDRESSES].split(",")
    addresses = list(dict.fromkeys(mac for mac in map(normal_mac, given) if mac is not None))
    node_uuid = call.query.get("node_uuid") or None
    if node_uuid is not None and not is_uuid(node_uuid):
        raise Invalid(f"Expected UUID for node_uuid: {node_uuid}")
    if not addresses and node_uuid is None:
        raise Invalid("At least one of 'addresses' and 'node_uuid' parameters is required")
    found = ramdisk.lookup(
        call.services, addresses, node_uuid, call.sender, give_token=call.minor >= _TOKEN_SINCE
    )
    return json_reply(_lookup_document(call, msgspec.to_builtins(found)))


def heartbeat(call: Call, ident: str) -> Response:
    """Take an agent's heartbeat."""
    _refuse_old(call)
    body: dict[str, Any] = dict(call.query) | call.body_object()
    for name in sorted(set(body) & set(_FIELD_SINCE)):
        if call.minor < _FIELD_SINCE[name]:
            raise Invalid(f"Unexpected argument {name}: it needs API 1.{_FIELD_SINCE[name]}")
    if not isinstance(body.get("callback_url"), str):
        raise Invalid("Missing mandatory parameter: callback_url")
    try:
        beat = msgspec.convert(body, Heartbeat)
    except msgspec.ValidationError as error:
        raise Invalid(f"The heartbeat is malformed: {error}") from error
    _refuse_too_long(beat)
    heartbeats.heartbeat(call.services, ident, beat, call.sender)
    return empty_reply(HTTPStatus.ACCEPTED)


def continue_inspection(call: Call) -> Response:
    """Take what the ramdisk found; served at exactly 1.1 and from 1.84 on."""
    if 1 < call.minor < _INSPECTION_SINCE:
        raise NotFound("Resource could not be found.")
    node_uuid = call.query.get("node_uuid") or None
    inspection_senders.require_known_sender(call.services, call.sender, node_uuid)
    document = call.body_object()
    _check_inventory(document.get("inventory"))
    is_new = call.minor >= _INSPECTION_SINCE
    found = inspection.continue_inspection(
        call.services, node_uuid, document, call.sender, give_token=is_new
    )
    if not is_new:
        return json_reply({"uuid": found.node.uuid}, HTTPStatus.ACCEPTED)
    return json_reply(_lookup_document(call, msgspec.to_builtins(found)), HTTPStatus.ACCEPTED)


def _refuse_too_long(beat: Heartbeat) -> None:
    """Bound every field before anything is done with it; what goes into histories has no control characters."""
    for name, limit in _MOST_CHARACTERS.items():
        value = getattr(beat, name) or ""
        if len(value) > limit:
            raise Invalid(f"{name} has {len(value)} characters; at most {limit} are taken")
        if name in _PLAIN and not (value.isascii() and value.isprintable()):
            raise Invalid(f"{name} may have printable ASCII characters only")


def _refuse_old(call: Call) -> None:
    if call.minor < _RAMDISK_SINCE:
        raise NotFound("Resource could not be found.")


def _lookup_document(call: Call, found: Mapping[str, Any]) -> dict[str, Any]:
    node = dict(found["node"])
    for name in ("instance_info", "driver_internal_info"):
        node[name] = masked(node[name])
    node["links"] = links(call.base_url, f"nodes/{node['uuid']}")
    return {"node": node, "config": found["config"]}


def _check_inventory(inventory: Any) -> None:
    interfaces = inventory.get("interfaces") if isinstance(inventory, dict) else None
    if not isinstance(interfaces, list) or not interfaces:
        raise Invalid("inventory.interfaces must be a list with at least one interface")
    for number, interface in enumerate(interfaces):
        address = interface.get("mac_address") if isinstance(interface, dict) else None
        if not isinstance(address, str):
            raise Invalid(f"inventory.interfaces[{number}].mac_address must be a string")
    for name, (kind, word) in _INVENTORY_TYPES.items():
        if not isinstance(inventory.get(name), kind | None):
            raise Invalid(f"inventory.{name} must be a {word}")
