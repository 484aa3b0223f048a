"""``/v1/drivers``: the hardware types, their interfaces and the ``driver_info`` keys they know."""

from flask import Response

from agent.protocol.raid_config import MEANINGS
from controller.api.call import Call
from controller.api.replies import json_reply
from controller.api.resource.description import Resource
from controller.api.resource.field import Field, Getter
from controller.api.resource.reading import listed_names, made_items, wanted_names
from controller.api.resource.shapes import always, as_links, as_links_below
from controller.errors import Invalid, NotFound
from controller.hardware.interface import INTERFACE_KINDS
from controller.hardware.types import HardwareType

_TYPES_SINCE = 30
_LATER = {"storage": 33, "rescue": 38, "bios": 40, "firmware": 86}
_LISTED = ("name", "hosts", "links", "properties", "type")
_COMMON_PROPERTIES = {
    "wipe_special_filesystems": "Erase filesystems too that other machines may be using; default false.",
    "fast_track": "Stay in the ramdisk between workflows, whose next takes its agent; the setting's by default.",
    "kexec": "Have the ramdisk start the deployed system itself, without a boot through the firmware; the setting's by default.",
}


def _hosts(call: Call, _resource: Resource, _one: Field) -> Getter:
    """Show which controllers serve it."""
    return lambda _row: [call.services.hostname]


def _choices(kind: str) -> tuple[Field, Field]:
    """Return the fields of what nodes may choose of a kind of interface, and of what they have by default."""
    since = _LATER.get(kind, _TYPES_SINCE)
    return (
        Field(
            name=f"default_{kind}_interface",
            since=since,
            column="supports",
            show=lambda _call, _resource, _one: lambda row: row.supports[kind][0],
        ),
        Field(
            name=f"enabled_{kind}_interfaces",
            since=since,
            column="supports",
            show=lambda _call, _resource, _one: lambda row: list(row.supports[kind]),
        ),
    )


DRIVERS = Resource(
    path="drivers",
    kind="driver",
    table=HardwareType,
    ident="name",
    fields_since=77,
    detail_since=_TYPES_SINCE,
    fields=(
        Field(name="name"),
        Field(name="hosts", column=None, show=_hosts),
        Field(name="links", column=None, show=as_links),
        Field(name="properties", since=14, column=None, show=as_links_below),
        Field(name="type", since=_TYPES_SINCE, column=None, show=always("dynamic")),
        *(field for kind in INTERFACE_KINDS for field in _choices(kind)),
    ),
    listed=_LISTED,
)


def index(call: Call) -> Response:
    """List the hardware types."""
    for name in {"type", "detail"} & set(call.query):
        call.require(_TYPES_SINCE, f"?{name}=")
    kind = call.query.get("type")
    if kind not in (None, "dynamic", "classic"):
        raise Invalid(f'Driver type must be "dynamic" or "classic", not {kind!r}')
    served = call.services.catalog.types.values() if kind != "classic" else ()
    return json_reply({"drivers": made_items(call, DRIVERS, listed_names(call, DRIVERS), served)})


def show(call: Call, name: str) -> Response:
    """Show a hardware type with its interfaces."""
    names = wanted_names(call, DRIVERS, DRIVERS.known(call.minor))
    (document,) = made_items(call, DRIVERS, names, [_hardware_type(call, name)])
    return json_reply(document)


def properties(call: Call, name: str) -> Response:
    """Explain the ``driver_info`` keys of a hardware type."""
    known: dict[str, str] = {}
    for kind, names in _hardware_type(call, name).supports.items():
        for one in names:
            known = dict(call.services.catalog.parts[kind][one].properties) | known
    return json_reply(known | _COMMON_PROPERTIES)


def logical_disk_properties(call: Call, name: str) -> Response:
    """Explain what can be said of a logical disk in ``target_raid_config``."""
    _hardware_type(call, name)
    return json_reply(dict(MEANINGS))


def methods(call: Call, name: str) -> Response:
    """Return no vendor methods."""
    _hardware_type(call, name)
    return json_reply({})


def pass_through(call: Call, name: str, method: str = "") -> Response:
    """Refuse to call a vendor method of a driver: none has one; those of nodes are below ``/v1/nodes``."""
    wanted = method or call.query.get("method")
    if not wanted:
        raise Invalid("Missing mandatory parameter: method")
    _hardware_type(call, name)
    raise Invalid(f"No handler for method {wanted:.100}: no hardware type has vendor methods")


def _hardware_type(call: Call, name: str) -> HardwareType:
    try:
        return call.services.catalog.types[name]
    except KeyError:
        valid = ", ".join(sorted(call.services.catalog.types))
        message = (
            f"Could not find the following driver(s) or hardware type(s): {name}; valid: {valid}"
        )
        raise NotFound(message) from None
