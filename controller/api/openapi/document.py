"""The whole document: a path for every route, with what it takes and gives (OpenAPI 3.1)."""

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from controller.api.auth import is_public
from controller.api.openapi.schemas import COMMON, Schema, schemas_of
from controller.api.resource.description import Resource
from controller.api.route import Route
from controller.api.versions import HEADER, MAX_MINOR, MIN_MINOR

_PARAMETER = re.compile(r"<([^>]+)>")
_QUERY: dict[str, Schema] = {
    "limit": {"type": "integer", "minimum": 1},
    "sort_dir": {"enum": ["asc", "desc"]},
    "detail": {"type": "boolean"},
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


def openapi_document(
    routes: Iterable[Route],
    resources: Iterable[Resource],
    orders: Mapping[str, type[msgspec.Struct]],
) -> dict[str, Any]:
    """Describe the API; ``x-since`` is the first microversion of an operation or a field.

    Args:
        routes: All of them.
        resources: Whose schemas the routes name.
        orders: What the other schemas that they name are made of.
    """
    by_name = {resource.name: resource for resource in resources}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        path = _PARAMETER.sub(r"{\1}", route.path)
        shown = by_name.get(route.gives.removesuffix(".list"))
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, shown)
    schemas = dict(COMMON)
    for resource in by_name.values():
        schemas |= schemas_of(resource)
    made, parts = msgspec.json.schema_components(
        orders.values(), ref_template="#/components/schemas/{name}"
    )
    schemas |= dict(zip(orders, made, strict=True)) | parts
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Ingot: provisioning of bare metal, after OpenStack Ironic's API",
            "version": f"1.{MAX_MINOR}",
        },
        "security": [{"basic": []}, {}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "parameters": {"version": _VERSION},
            "responses": {"error": _ERROR},
            "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}},
        },
    }


def _operation(route: Route, shown: Resource | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": f"{route.method} {route.path}",
        "summary": route.sentence,
        "x-since": f"1.{route.since}",
        "parameters": [*_parameters(route, shown)],
        "responses": _responses(route),
    }
    if is_public(_PARAMETER.sub("x", route.path)):
        found["security"] = []
    if route.takes or route.method in {"POST", "PUT", "PATCH"}:
        schema = {"$ref": f"#/components/schemas/{route.takes}"} if route.takes else {}
        found["requestBody"] = {
            "required": bool(route.takes),
            "content": {"application/json": {"schema": schema}},
        }
    return found


def _parameters(route: Route, shown: Resource | None) -> Iterable[dict[str, Any]]:
    for name in _PARAMETER.findall(route.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    for name in route.query:
        yield {"name": name, "in": "query", **_argument(name, shown)}
    yield {"$ref": "#/components/parameters/version"}


def _argument(name: str, shown: Resource | None) -> dict[str, Any]:
    """Return how a query argument is written, and what it may be."""
    if shown is not None and name == "fields":
        items = {"enum": list(shown.by_name)}
        return {"style": "form", "explode": False, "schema": {"type": "array", "items": items}}
    if shown is not None and name == "sort_key":
        return {"schema": {"enum": ["id", *shown.sortable()]}}
    return {"schema": _QUERY.get(name, {"type": "string"})}


def _responses(route: Route) -> dict[str, Any]:
    error = {"default": {"$ref": "#/components/responses/error"}}
    if not route.gives:
        return {"2XX": {"description": "It was done."}} | error
    schema = {"$ref": f"#/components/schemas/{route.gives}"}
    good = {"description": "It is so.", "content": {route.media: {"schema": schema}}}
    status = HTTPStatus.CREATED if route.method == "POST" else HTTPStatus.OK
    return {str(status.value): good} | error
