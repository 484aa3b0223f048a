"""Schemas of a resource's documents, lists, creations and patches (OpenAPI 3.1, JSON Schema 2020-12), made of its fields."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy import JSON, Boolean, Float, Integer, String

from controller.api.documents import values
from controller.api.documents.network_data import network_data
from controller.api.resource.description import Resource
from controller.api.resource.field import Check, Field
from controller.api.resource.shapes import as_date, as_links, as_links_below, as_masked, as_stored
from controller.store.sealing import SealedJson

Schema = dict[str, Any]

_LINKS: Schema = {"$ref": "#/components/schemas/links"}
_SHOWN: Mapping[Callable[..., Any], Schema] = MappingProxyType(
    {
        as_date: {"type": ["string", "null"], "format": "date-time"},
        as_links: _LINKS,
        as_links_below: _LINKS,
    }
)
_TAKEN: Mapping[Check, Schema] = MappingProxyType(
    {
        values.text: {"type": ["string", "null"]},
        values.uuid: {"type": ["string", "null"], "format": "uuid"},
        values.object_: {"type": ["object", "null"]},
        network_data: {"type": ["object", "null"]},
        values.boolean: {"type": ["boolean", "string", "null"]},
        values.optional_boolean: {"type": ["boolean", "string", "null"]},
        values.integer: {"type": ["integer", "null"], "format": "int32"},
        values.truth: {"type": ["boolean", "string"]},
        values.truth_or_null: {"type": ["boolean", "null"]},
        values.mac: {"type": "string"},
        values.optional_mac: {"type": ["string", "null"]},
    }
)
_TYPES: tuple[tuple[type[Any], str], ...] = (
    (String, "string"),
    (Boolean, "boolean"),
    (Integer, "integer"),
    (Float, "number"),
)
COMMON: Mapping[str, Schema] = MappingProxyType(
    {
        "links": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"href": {"type": "string"}, "rel": {"type": "string"}},
                "required": ["href", "rel"],
            },
        },
        "error": {
            "type": "object",
            "description": "error_message is JSON as text, with faultcode and faultstring; what is refused unread has these itself.",
            "properties": {
                "error_message": {"type": "string"},
                "faultcode": {"type": "string"},
                "faultstring": {"type": "string"},
            },
        },
    }
)
"""What all resources share."""


def schemas_of(resource: Resource) -> dict[str, Schema]:
    """Return the schemas of a resource by the names that its routes use."""
    name = resource.name
    shown = {
        one.name: _noted(one, _shown(resource, one), resource.since) for one in resource.fields
    }
    found: dict[str, Schema] = {
        name: {"type": "object", "properties": shown},
        f"{name}.list": {
            "type": "object",
            "properties": {
                resource.key: {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}},
                "next": {"type": "string"},
            },
            "required": [resource.key],
        },
    }
    if resource.settable():
        found[f"{name}.create"] = _created(resource)
    if resource.patchable():
        found[f"{name}.patch"] = _patched(resource)
    return found


def _created(resource: Resource) -> Schema:
    fields = [resource.by_name[name] for name in resource.settable()]
    return {
        "type": "object",
        "properties": {
            one.name: _noted(one, _taken(resource, one), resource.since) for one in fields
        },
        "required": [one.name for one in fields if one.is_required],
        "additionalProperties": False,
    }


def _patched(resource: Resource) -> Schema:
    paths = "|".join(resource.patchable())
    return {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "op": {"enum": ["add", "replace", "remove"]},
                "path": {"type": "string", "pattern": f"^/({paths})(/.*)?$"},
                "value": {},
            },
            "required": ["op", "path"],
            "additionalProperties": False,
        },
    }


def _shown(resource: Resource, one: Field) -> Schema:
    if one.show is not None and one.show in _SHOWN:
        return dict(_SHOWN[one.show])
    column = _column(resource, one)
    if one.show not in (None, as_stored, as_masked) or column is None:
        return {}
    if isinstance(column.type, SealedJson):
        is_nullable = one.hidden_by is not None or (column.nullable and one.show is not as_masked)
        return _document(one, is_nullable=is_nullable)
    for kind, name in _TYPES:
        if isinstance(column.type, kind) and not isinstance(column.type, JSON):
            return {"type": [name, "null"] if column.nullable else name}
    return {}


def _document(one: Field, *, is_nullable: bool) -> Schema:
    """Return the schema of what is stored as JSON: an object, unless its check lets it be something else."""
    types = ["object"] if one.check in (None, values.object_, network_data) else ["object", "array"]
    return {"type": [*types, "null"] if is_nullable else types}


def _taken(resource: Resource, one: Field) -> Schema:
    found = {} if one.check is None else dict(_TAKEN.get(one.check, {}))
    length = getattr(getattr(_column(resource, one), "type", None), "length", None)
    if length is not None and "string" in found.get("type", ()) and "format" not in found:
        found["maxLength"] = length
    return found


def _column(resource: Resource, one: Field) -> Any:
    table = getattr(resource.table, "__table__", None)
    if table is None or one.source is None or one.source in resource.others:
        return None
    return table.columns.get(one.source)


def _noted(one: Field, schema: Schema, since: int) -> Schema:
    """Add since when the field is there (not before its resource), whether a patch may change it, and whether lists can be sorted by it."""
    notes: Schema = {"x-since": f"1.{max(one.since, since)}"}
    if one.check is not None and one.is_patchable:
        notes["x-patchable"] = True
    if one.is_sortable:
        notes["x-sortable"] = True
    if "$ref" in schema:
        return {"allOf": [schema], **notes}
    return schema | notes
