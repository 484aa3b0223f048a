"""The fields of a port as one table, and rows as documents."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from controller.api.call import Call
from controller.api.documents import values
from controller.api.replies import iso_date, links
from controller.errors import Invalid, NotAcceptable

_MIN_FIELDS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class PortField:
    """One field of the port document; ``check`` is ``None`` where clients cannot set it."""

    name: str
    since: int = 1
    check: Callable[[Any, str], Any] | None = None
    column: bool = True
    """Whether the field is a column of the same name."""


def _always_true(value: Any, name: str) -> bool:
    if values.boolean(value, name):
        return True
    raise Invalid(f"{name} cannot be false: port groups are not served")


_FIELDS = (
    PortField(name="uuid", check=values.uuid),
    PortField(name="created_at"),
    PortField(name="updated_at"),
    PortField(name="address", check=values.mac),
    PortField(name="extra", check=values.object_),
    PortField(name="internal_info", since=18),
    PortField(name="is_smartnic", since=53, check=values.boolean),
    PortField(name="local_link_connection", since=19, check=values.object_),
    PortField(name="physical_network", since=34, check=values.text),
    PortField(name="pxe_enabled", since=19, check=values.boolean),
    PortField(name="node_uuid", check=values.uuid),
    PortField(name="name", since=88, check=values.text),
    PortField(name="description", since=97, check=values.text),
    PortField(name="vendor", since=100, check=values.text),
    PortField(name="category", since=101, check=values.text),
    PortField(name="available_for_dynamic_portgroup", since=111, check=_always_true, column=False),
    PortField(name="links", column=False),
    PortField(name="portgroup_uuid", since=24, check=values.uuid),
)
PORT_FIELDS: Mapping[str, PortField] = MappingProxyType({field.name: field for field in _FIELDS})
LIST_FIELDS = ("uuid", "address", "links")
SORTABLE = (
    "uuid",
    "created_at",
    "updated_at",
    "address",
    "is_smartnic",
    "physical_network",
    "pxe_enabled",
    "name",
    "description",
    "vendor",
    "category",
)


def known_names(call: Call) -> list[str]:
    """Return every field that the request's microversion shows."""
    return [field.name for field in _FIELDS if field.since <= call.minor]


def wanted_names(call: Call, default: Sequence[str]) -> list[str]:
    """Return the fields that the request's ``fields`` names, or ``default``."""
    text = call.query.get("fields")
    if text is None:
        return list(default)
    call.require(_MIN_FIELDS, "?fields=")
    names = [name.strip() for name in text.split(",") if name.strip()]
    check_names(call, names)
    return [field.name for field in _FIELDS if field.name in names or field.name == "links"]


def check_names(call: Call, names: Sequence[str]) -> None:
    """Refuse names that are no fields, or none yet at the request's microversion."""
    for name in names:
        field = PORT_FIELDS.get(name)
        if field is None:
            valid = ", ".join(known_names(call))
            raise Invalid(f"Field {name} is not a valid field of a port; valid: {valid}")
        if field.since > call.minor:
            raise NotAcceptable(
                f"Field {name} needs API version 1.{field.since}, the request has 1.{call.minor}"
            )


def columns_of(names: Sequence[str]) -> list[str]:
    """Return the columns that a document with these fields needs."""
    needed = [name for name in names if PORT_FIELDS[name].column]
    return needed if "uuid" in needed else ["uuid", *needed]


def render(call: Call, row: Any, names: Sequence[str]) -> dict[str, Any]:
    """Return a row as a document."""
    document: dict[str, Any] = {}
    for name in names:
        if name == "links":
            document[name] = links(call.base_url, f"ports/{row.uuid}")
        elif name == "available_for_dynamic_portgroup":
            document[name] = True
        elif name in ("created_at", "updated_at"):
            document[name] = iso_date(getattr(row, name))
        else:
            document[name] = getattr(row, name)
    return document
