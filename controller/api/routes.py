"""Every route of the API: method, path below ``/v1``, handler, first microversion; those of nodes are in ``nodes/routes.py``.

What an older request gets is Ironic's answer: mostly 404, as if the route were not there.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from flask import Response

from agent.protocol.lookup import Heartbeat
from controller.api.call import Call
from controller.api.documents import answers, orders
from controller.api.metrics import endpoint as metrics
from controller.api.nodes import certificates
from controller.api.nodes.fields import NODES, STATES_FIELDS
from controller.api.nodes.routes import NODE_ROUTES
from controller.api.openapi.document import openapi_document
from controller.api.replies import json_reply
from controller.api.resource.description import Resource
from controller.api.resource.endpoints import routes_of
from controller.api.resources import (
    allocations,
    drivers,
    events,
    firmware,
    health,
    images,
    inspection_rules,
    notifications,
    ramdisk,
    root,
    runbooks,
    small_pages,
)
from controller.api.resources.chassis import CHASSIS
from controller.api.resources.conductors import CONDUCTORS
from controller.api.resources.deploy_templates import DEPLOY_TEMPLATES
from controller.api.resources.portgroups import PORTGROUPS
from controller.api.resources.ports import PORTS
from controller.api.resources.runbooks import RUNBOOKS
from controller.api.resources.volumes import CONNECTORS, TARGETS
from controller.api.route import Route

RESOURCES: tuple[Resource, ...] = (
    PORTS,
    CHASSIS,
    CONNECTORS,
    TARGETS,
    PORTGROUPS,
    DEPLOY_TEMPLATES,
    RUNBOOKS,
    inspection_rules.INSPECTION_RULES,
    images.IMAGES,
)
"""Collections that are made of their description alone."""

_RUNBOOK = "/v1/runbooks/<ident>"

SHOWN = (
    NODES,
    *RESOURCES,
    allocations.ALLOCATIONS,
    drivers.DRIVERS,
    CONDUCTORS,
    firmware.BIOS,
    firmware.FIRMWARE,
)
"""Everything that is shown by its description."""


PARTS: Mapping[str, tuple[Resource, Sequence[str]]] = {"node.states": (NODES, STATES_FIELDS)}
"""Some fields of a resource that are shown on their own."""


def description() -> dict[str, Any]:
    """Return the whole API in OpenAPI."""
    return openapi_document(ROUTES, SHOWN, PARTS)


def openapi(_call: Call) -> Response:
    """Describe the API in OpenAPI."""
    return json_reply(description())


_ROOT = (
    Route("GET", "/", root.versions, gives=answers.Versions),
    Route("GET", "/v1", root.version_1, gives=answers.VersionOne),
    Route("GET", "/healthcheck", health.show, media="text/plain", gives=str),
    Route("GET", "/metrics", metrics.show, media="text/plain", gives=str),
    Route("GET", "/openapi.json", openapi, gives=dict),
)

_OTHERS = (
    Route(
        "GET",
        "/v1/drivers",
        drivers.index,
        query=("type", "detail", "fields"),
        gives="driver.list",
    ),
    Route("GET", "/v1/drivers/<name>", drivers.show, query=("fields",), gives="driver"),
    Route("GET", "/v1/drivers/<name>/properties", drivers.properties, gives=dict[str, str]),
    Route(
        "GET",
        "/v1/drivers/<name>/raid/logical_disk_properties",
        drivers.logical_disk_properties,
        12,
        HTTPStatus.NOT_ACCEPTABLE,
        gives=dict[str, str],
    ),
    Route(
        "GET",
        "/v1/drivers/<name>/vendor_passthru/methods",
        drivers.methods,
        gives=dict[str, answers.VendorMethod],
    ),
    *(
        Route(
            method,
            f"/v1/drivers/<name>/vendor_passthru{below}",
            drivers.pass_through,
            query=() if below else orders.PassthruArguments,
            is_loose=True,
            takes="" if method in {"GET", "DELETE"} else dict,
            status="2XX",
        )
        for below in ("", "/<method>")
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
    ),
    *routes_of(CONDUCTORS, is_written=False),
    Route(
        "GET",
        "/v1/lookup",
        ramdisk.lookup,
        query=orders.LookupArguments,
        gives=answers.FoundNode,
    ),
    Route(
        "POST",
        "/v1/heartbeat/<ident>",
        ramdisk.heartbeat,
        is_loose=True,
        takes=Heartbeat,
        status="202",
    ),
    Route(
        "POST",
        "/v1/continue_inspection",
        ramdisk.continue_inspection,
        query=orders.InspectionArguments,
        takes=orders.InspectionResult,
        gives=answers.InspectionTaken,
        status="202",
    ),
    Route("GET", "/v1/certificate_keys", certificates.keys, gives=answers.PublicKeys),
    Route("GET", f"{_RUNBOOK}/traits", runbooks.traits, 112, gives=answers.Traits),
    Route(
        "PUT",
        f"{_RUNBOOK}/traits",
        runbooks.replace_traits,
        112,
        takes=orders.RunbookTraitsOrder,
    ),
    Route("DELETE", f"{_RUNBOOK}/traits", runbooks.clear_traits, 112),
    Route("PUT", f"{_RUNBOOK}/traits/<trait>", runbooks.add_trait, 112),
    Route("DELETE", f"{_RUNBOOK}/traits/<trait>", runbooks.remove_trait, 112),
    Route(
        "GET",
        "/v1/notifications",
        notifications.index,
        query=orders.NotificationArguments,
        gives=answers.Notifications,
    ),
    Route(
        "GET",
        "/v1/notifications/stream",
        notifications.follow,
        media=notifications.MEDIA,
        query=orders.NotificationStreamArguments,
        gives=str,
    ),
    Route(
        "POST", "/v1/events", events.take, events.SINCE, takes=orders.ExternalEvents, status="204"
    ),
    Route("GET", "/v1/shards", small_pages.shards, 82, gives=answers.Shards),
    Route("GET", "/v1/volume", small_pages.volume, 32, gives=answers.VolumeLinks),
)

ROUTES = (
    *_ROOT,
    *NODE_ROUTES,
    *firmware.ROUTES,
    *_OTHERS,
    *(route for resource in RESOURCES for route in routes_of(resource)),
    *allocations.ROUTES,
    *inspection_rules.ROUTES,
    *images.ROUTES,
)
"""All routes."""
