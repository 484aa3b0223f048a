"""Every route of the API on one page: method, path below ``/v1``, handler, first microversion.

What an older request gets is Ironic's answer: mostly 404, as if the route were not there.
"""

from functools import partial
from http import HTTPStatus
from typing import Any

from flask import Response

from controller.api.call import Call
from controller.api.nodes import (
    abilities,
    certificates,
    collection,
    history,
    management,
    parts,
    states,
    traits,
    vifs,
    virtual_media,
)
from controller.api.nodes.fields import NODES
from controller.api.openapi.document import openapi_document
from controller.api.replies import json_reply
from controller.api.resource.description import Resource
from controller.api.resource.endpoints import routes_of
from controller.api.resources import (
    allocations,
    drivers,
    health,
    inspection_rules,
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
from controller.workflow.verb_request import ProvisionRequest

RESOURCES: tuple[Resource, ...] = (
    PORTS,
    CHASSIS,
    CONNECTORS,
    TARGETS,
    PORTGROUPS,
    DEPLOY_TEMPLATES,
    RUNBOOKS,
    inspection_rules.INSPECTION_RULES,
)
"""Collections that are made of their description alone."""

_NODE = "/v1/nodes/<ident>"
_RUNBOOK = "/v1/runbooks/<ident>"

SHOWN = (NODES, *RESOURCES, allocations.ALLOCATIONS, drivers.DRIVERS, CONDUCTORS)
"""Everything that is shown by its description."""


def description() -> dict[str, Any]:
    """Return the whole API in OpenAPI."""
    return openapi_document(ROUTES, SHOWN, {"provision": ProvisionRequest})


def openapi(_call: Call) -> Response:
    """Describe the API in OpenAPI."""
    return json_reply(description())


_ROOT = (
    Route("GET", "/", root.versions),
    Route("GET", "/v1", root.version_1),
    Route("GET", "/healthcheck", health.show),
    Route("GET", "/openapi.json", openapi),
)

_NODES = (
    *routes_of(
        NODES,
        own={"POST": collection.create, "PATCH": collection.patch, "DELETE": collection.delete},
    ),
    Route("GET", f"{_NODE}/states", states.show),
    Route("PUT", f"{_NODE}/states/provision", states.provision, takes="provision"),
    Route("PUT", f"{_NODE}/states/power", states.power),
    Route("PUT", f"{_NODE}/states/raid", states.raid, 12, HTTPStatus.NOT_ACCEPTABLE),
    Route("PUT", f"{_NODE}/states/boot_mode", abilities.set_boot_mode, 76),
    Route("PUT", f"{_NODE}/states/secure_boot", abilities.set_secure_boot, 76),
    Route("GET", f"{_NODE}/states/console", abilities.console),
    Route("PUT", f"{_NODE}/states/console", abilities.set_console),
    Route("GET", f"{_NODE}/validate", management.validate),
    Route("PUT", f"{_NODE}/maintenance", management.set_maintenance),
    Route("DELETE", f"{_NODE}/maintenance", management.unset_maintenance),
    Route("GET", f"{_NODE}/management/boot_device", management.boot_device),
    Route("PUT", f"{_NODE}/management/boot_device", management.set_boot_device),
    Route("GET", f"{_NODE}/management/boot_device/supported", management.supported_boot_devices),
    Route("PUT", f"{_NODE}/management/inject_nmi", abilities.inject_nmi, 29),
    Route("GET", f"{_NODE}/management/indicators", abilities.indicators),
    Route("GET", f"{_NODE}/management/indicators/<indicator>", abilities.indicator),
    Route("PUT", f"{_NODE}/management/indicators/<indicator>", abilities.set_indicator),
)

_NODE_PARTS = (
    Route("GET", f"{_NODE}/traits", traits.index, 37, HTTPStatus.NOT_ACCEPTABLE),
    Route("PUT", f"{_NODE}/traits", traits.replace, 37, HTTPStatus.METHOD_NOT_ALLOWED),
    Route("DELETE", f"{_NODE}/traits", traits.clear, 37),
    Route("PUT", f"{_NODE}/traits/<trait>", traits.add, 37, HTTPStatus.METHOD_NOT_ALLOWED),
    Route("DELETE", f"{_NODE}/traits/<trait>", traits.remove, 37),
    Route("GET", f"{_NODE}/vifs", vifs.index, 28),
    Route("POST", f"{_NODE}/vifs", vifs.attach, 28),
    Route("DELETE", f"{_NODE}/vifs/<vif>", vifs.detach, 28),
    Route("GET", f"{_NODE}/history", history.index, 78),
    Route("GET", f"{_NODE}/history/<event>", history.show, 78),
    Route("GET", f"{_NODE}/inventory", history.inventory, 81),
    Route("GET", f"{_NODE}/certificates", certificates.index),
    Route("GET", f"{_NODE}/certificates/<certificate>", certificates.show),
    Route(
        "GET", f"{_NODE}/certificates/<certificate>/page", certificates.printable, media="text/html"
    ),
    Route("GET", f"{_NODE}/children", parts.children, 83),
    Route("GET", f"{_NODE}/bios", parts.bios, 40),
    Route("GET", f"{_NODE}/firmware", parts.firmware, 86),
    Route("GET", f"{_NODE}/volume", parts.volume, 32),
    Route("GET", f"{_NODE}/vmedia", virtual_media.show, 93),
    Route("POST", f"{_NODE}/vmedia", virtual_media.attach, 89),
    Route("DELETE", f"{_NODE}/vmedia", virtual_media.detach, 89),
    Route("GET", f"{_NODE}/vendor_passthru/methods", abilities.passthru_methods),
    *(
        Route(
            method,
            f"{_NODE}/vendor_passthru{below}",
            partial(abilities.pass_through, http_method=method),
            what="Call a method of the vendor interface.",
        )
        for below in ("", "/<name>")
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
    ),
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
    Route("GET", "/v1/drivers/<name>/properties", drivers.properties),
    Route("GET", "/v1/drivers/<name>/vendor_passthru/methods", drivers.methods),
    *routes_of(CONDUCTORS, is_written=False),
    Route("GET", "/v1/lookup", ramdisk.lookup),
    Route("POST", "/v1/heartbeat/<ident>", ramdisk.heartbeat),
    Route("POST", "/v1/continue_inspection", ramdisk.continue_inspection),
    Route("GET", "/v1/certificate_keys", certificates.keys),
    Route("GET", f"{_RUNBOOK}/traits", runbooks.traits, 112),
    Route("PUT", f"{_RUNBOOK}/traits", runbooks.replace_traits, 112),
    Route("DELETE", f"{_RUNBOOK}/traits", runbooks.clear_traits, 112),
    Route("PUT", f"{_RUNBOOK}/traits/<trait>", runbooks.add_trait, 112),
    Route("DELETE", f"{_RUNBOOK}/traits/<trait>", runbooks.remove_trait, 112),
    Route("GET", "/v1/shards", small_pages.shards, 82),
    Route("GET", "/v1/volume", small_pages.volume, 32),
)

ROUTES = (
    *_ROOT,
    *_NODES,
    *_NODE_PARTS,
    *_OTHERS,
    *(route for resource in RESOURCES for route in routes_of(resource)),
    *allocations.ROUTES,
    *inspection_rules.ROUTES,
)
"""All routes."""
