"""``/v1/drivers``: the hardware types, their interfaces and the ``driver_info`` keys they know."""

from collections.abc import Collection
from typing import Any

from flask import Response

from controller.api.call import Call
from controller.api.lists import chosen_fields
from controller.api.nodes.fields import NODE_FIELDS
from controller.api.replies import json_reply, links
from controller.errors import Invalid, NotFound
from controller.hardware.interface import INTERFACE_KINDS
from controller.hardware.types import HardwareType

_TYPES_SINCE = 30
_FIELDS_SINCE = 77
_PROPERTIES_SINCE = 14
_PLAIN_FIELDS = ("name", "hosts", "links", "properties", "type")
_COMMON_PROPERTIES = {
    "wipe_special_filesystems": "Erase filesystems too that other machines may be using; default false.",
    "fast_track": "Stay in the ramdisk between workflows, whose next takes its agent; the setting's by default.",
    "kexec": "Have the ramdisk start the deployed system itself, without a boot through the firmware; the setting's by default.",
}


def index(call: Call) -> Response:
    """List the hardware types."""
    call.expect("type", "detail", "fields")
    kind = call.query.get("type")
    if kind not in (None, "dynamic", "classic"):
        raise Invalid(f'Driver type must be "dynamic" or "classic", not {kind!r}')
    served = call.services.catalog.types.values() if kind != "classic" else ()
    wanted = chosen_fields(call, _field_names(), _FIELDS_SINCE)
    is_detailed = wanted is not None or bool(call.flag("detail"))
    documents = [_document(call, one, is_detailed=is_detailed) for one in served]
    return json_reply({"drivers": [_chosen(document, wanted) for document in documents]})


def show(call: Call, name: str) -> Response:
    """Show a hardware type with its interfaces."""
    call.expect("fields")
    wanted = chosen_fields(call, _field_names(), _FIELDS_SINCE)
    return json_reply(
        _chosen(_document(call, _hardware_type(call, name), is_detailed=True), wanted)
    )


def properties(call: Call, name: str) -> Response:
    """Explain the ``driver_info`` keys of a hardware type."""
    known: dict[str, str] = {}
    for kind, names in _hardware_type(call, name).supports.items():
        for one in names:
            known = dict(call.services.catalog.parts[kind][one].properties) | known
    return json_reply(known | _COMMON_PROPERTIES)


def methods(call: Call, name: str) -> Response:
    """Return no vendor methods."""
    _hardware_type(call, name)
    return json_reply({})


def _hardware_type(call: Call, name: str) -> HardwareType:
    try:
        return call.services.catalog.types[name]
    except KeyError:
        valid = ", ".join(sorted(call.services.catalog.types))
        message = (
            f"Could not find the following driver(s) or hardware type(s): {name}; valid: {valid}"
        )
        raise NotFound(message) from None


def _field_names() -> list[str]:
    kinds = [
        (f"default_{kind}_interface", f"enabled_{kind}_interfaces") for kind in INTERFACE_KINDS
    ]
    return [*_PLAIN_FIELDS, *(name for pair in kinds for name in pair)]


def _chosen(document: dict[str, Any], wanted: Collection[str] | None) -> dict[str, Any]:
    if wanted is None:
        return document
    return {key: value for key, value in document.items() if key in wanted or key == "links"}


def _document(call: Call, one: HardwareType, *, is_detailed: bool) -> dict[str, Any]:
    path = f"drivers/{one.name}"
    document: dict[str, Any] = {
        "name": one.name,
        "hosts": [call.services.hostname],
        "links": links(call.base_url, path),
    }
    if call.minor >= _PROPERTIES_SINCE:
        document["properties"] = links(call.base_url, f"{path}/properties")
    if call.minor < _TYPES_SINCE:
        return document
    document["type"] = "dynamic"
    if is_detailed:
        for kind, names in one.supports.items():
            if max(NODE_FIELDS[f"{kind}_interface"].since, _TYPES_SINCE) <= call.minor + 1:
                document[f"default_{kind}_interface"] = names[0]
                document[f"enabled_{kind}_interfaces"] = list(names)
    return document
