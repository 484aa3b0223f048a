"""``/`` and ``/v1``: the version documents that clients discover the API with."""

from typing import Any

from flask import Response

from controller.api.call import Call
from controller.api.replies import json_reply, links
from controller.api.versions import MAX_MINOR, MIN_MINOR

_RESOURCES = {
    "nodes": 1,
    "ports": 1,
    "chassis": 1,
    "drivers": 1,
    "lookup": 22,
    "heartbeat": 22,
    "portgroups": 23,
    "volume": 32,
    "conductors": 49,
    "allocations": 52,
    "events": 54,
    "deploy_templates": 55,
    "shards": 82,
    "continue_inspection": 84,
    "runbooks": 92,
    "inspection_rules": 96,
}
"""Resources and the microversion that shows them; all of them answer."""


def versions(call: Call) -> Response:
    """Show which versions of the API there are."""
    version = _version(call)
    return json_reply(
        {
            "name": "OpenStack Ironic API",
            "description": "Ingot provisions bare metal; it serves the OpenStack Ironic API.",
            "default_version": version,
            "versions": [version],
        }
    )


def version_1(call: Call) -> Response:
    """Show the resources of the API."""
    document: dict[str, Any] = {
        "id": "v1",
        "links": [_self(call)],
        "media_types": {
            "base": "application/json",
            "type": "application/vnd.openstack.ironic.v1+json",
        },
        "version": _version(call),
    }
    for name, minor in _RESOURCES.items():
        if minor <= call.minor:
            document[name] = links(call.base_url, f"{name}/")
    return json_reply(document)


def _version(call: Call) -> dict[str, Any]:
    return {
        "id": "v1",
        "links": [_self(call)],
        "status": "CURRENT",
        "min_version": f"1.{MIN_MINOR}",
        "version": f"1.{MAX_MINOR}",
    }


def _self(call: Call) -> dict[str, str]:
    return {"href": f"{call.base_url}/v1/", "rel": "self"}
