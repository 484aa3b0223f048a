"""The whole document: a path for every route, with what it takes and gives (OpenAPI 3.1)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from controller.api.auth import is_public
from controller.api.openapi.schemas import COMMON, Schema, schemas_of
from controller.api.resource.description import Resource
from controller.api.route import Described, Route
from controller.api.versions import HEADER, MAX_MINOR, MIN_MINOR

_PLACE = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"<([^>]+)>")
_QUERY: dict[str, Schema] = {
    "limit": {"type": "integer", "minimum": 1},
    "sort_dir": {"enum": ["asc", "desc"]},
    "detail": {"type": "boolean"},
    "reset_interfaces": {"type": "boolean"},
}
_VERSION = {
    "name": HEADER,
    "in": "header",
    "description": f"Microversion, 1.{MIN_MINOR} to 1.{MAX_MINOR} or latest; without it 1.{MIN_MINOR}.",
    "schema": {"type": "string", "pattern": r"^(1\.[1-9][0-9]{0,2}|latest)$"},
}
_ERROR = {
    "description": "The request was refused, or failed.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/error"}}},
}


@dataclass(frozen=True, slots=True)
class _Types:
    """The schemas of the types that routes name."""

    by_type: Mapping[Any, Schema]
    components: Mapping[str, Schema]

    def of(self, one: Described) -> Schema:
        """Return the schema of what a route takes or gives."""
        if one is bytes:
            return {"type": "string", "format": "binary"}
        return {"$ref": _PLACE.format(name=one)} if isinstance(one, str) else self.by_type[one]

    def whole(self, one: Described) -> Schema:
        """Return the same, without a reference at its top; a resource's is nowhere optional."""
        schema = self.of(one)
        name = schema.get("$ref", "").rpartition("/")[2]
        return self.components.get(name, {"required": [name]} if name else schema)


def openapi_document(
    routes: Iterable[Route],
    resources: Iterable[Resource],
    parts: Mapping[str, tuple[Resource, Sequence[str]]],
) -> dict[str, Any]:
    """Describe the API; ``x-since`` is the first microversion of an operation or a field.

    Args:
        routes: All of them.
        resources: Whose schemas the routes name.
        parts: Further schemas: some fields of a resource.
    """
    routes = tuple(routes)
    types = _types_of(routes)
    by_name = {resource.name: resource for resource in resources}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        path = _PARAMETER.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, types, by_name)
    schemas = dict(COMMON)
    for resource in by_name.values():
        schemas |= schemas_of(resource)
    for name, (resource, names) in parts.items():
        fields = schemas[resource.name]["properties"]
        schemas[name] = {"type": "object", "properties": {one: fields[one] for one in names}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Ingot: provisioning of bare metal, after OpenStack Ironic's API",
            "version": f"1.{MAX_MINOR}",
        },
        "security": [{"basic": []}, {"token": []}, {}],
        "paths": paths,
        "components": {
            "schemas": {**schemas, **types.components},
            "parameters": {"version": _VERSION},
            "responses": {"error": _ERROR},
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
            },
        },
    }


def _types_of(routes: Iterable[Route]) -> _Types:
    named = (one for route in routes for one in (route.takes, route.gives, route.query))
    types = [*dict.fromkeys(one for one in named if not isinstance(one, str | tuple))]
    types = [one for one in types if one is not bytes]
    made, parts = msgspec.json.schema_components(types, ref_template=_PLACE)
    return _Types(dict(zip(types, made, strict=True)), parts)


def _operation(route: Route, types: _Types, resources: Mapping[str, Resource]) -> dict[str, Any]:
    gives = route.gives if isinstance(route.gives, str) else ""
    found: dict[str, Any] = {
        "operationId": f"{route.method} {route.path}",
        "summary": route.sentence,
        "x-since": f"1.{route.since}",
        "parameters": [*_parameters(route, types, resources.get(gives.removesuffix(".list")))],
        "responses": _responses(route, types),
    }
    if is_public(_PARAMETER.sub("x", route.path)):
        found["security"] = []
    if route.takes:
        found["requestBody"] = {
            "required": bool(types.whole(route.takes).get("required")),
            "content": {route.sends: {"schema": types.of(route.takes)}},
        }
    return found


def _parameters(route: Route, types: _Types, shown: Resource | None) -> Iterable[dict[str, Any]]:
    for name in _PARAMETER.findall(route.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    if isinstance(route.query, tuple):
        for name in route.query:
            yield {"name": name, "in": "query", **_argument(name, shown)}
    else:
        whole = types.whole(route.query)
        for name, schema in whole["properties"].items():
            is_needed = name in whole.get("required", ())
            yield {"name": name, "in": "query", "required": is_needed, "schema": schema}
    yield {"$ref": "#/components/parameters/version"}


def _argument(name: str, shown: Resource | None) -> dict[str, Any]:
    """Return how a query argument is written, and what it may be."""
    if shown is not None and name == "fields":
        items = {"enum": list(shown.by_name)}
        return {"style": "form", "explode": False, "schema": {"type": "array", "items": items}}
    if shown is not None and name == "sort_key":
        return {"schema": {"enum": ["id", *shown.sortable()]}}
    return {"schema": _QUERY.get(name, {"type": "string"})}


def _responses(route: Route, types: _Types) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "It is so." if route.gives else "It was done."}
    if route.gives:
        good["content"] = {route.media: {"schema": types.of(route.gives)}}
    return {route.success: good, "default": {"$ref": "#/components/responses/error"}}
