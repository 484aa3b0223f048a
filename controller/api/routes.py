"""Every route of the API on one page: method, path below ``/v1``, handler, first microversion.

What an older request gets is Ironic's answer: mostly 404, as if the route were not there.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any

from flask import Response

from agent.protocol.lookup import Heartbeat
from controller.api.call import Call
from controller.api.documents import answers, orders
from controller.api.lists import PAGE_ARGUMENTS
from controller.api.metrics import endpoint as metrics
from controller.api.nodes import (
    abilities,
    certificates,
    collection,
    console,
    history,
    management,
    parts,
    states,
    traits,
    vifs,
    virtual_media,
)
from controller.api.nodes.fields import NODES, STATES_FIELDS
from controller.api.openapi.document import openapi_document
from controller.api.replies import json_reply
from controller.api.resource.description import Resource
from controller.api.resource.endpoints import Handler, routes_of
from controller.api.resources import (
    allocations,
    drivers,
    firmware,
    health,
    images,
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
    images.IMAGES,
)
"""Collections that are made of their description alone."""

_NODE = "/v1/nodes/<ident>"
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


def _below(*lines: tuple[str, str, Handler, Mapping[str, Any]]) -> tuple[Route, ...]:
    """Return routes below a node: method, path, handler, and what else a route says."""
    return tuple(
        Route(method, f"{_NODE}/{below}", handler, **said) for method, below, handler, said in lines
    )


_LATER: Mapping[str, Any] = {"status": "202"}
"""What is done after the answer."""
_TRAITS: Mapping[str, Any] = {"since": 37, "early": HTTPStatus.METHOD_NOT_ALLOWED}

_ROOT = (
    Route("GET", "/", root.versions, gives=answers.Versions),
    Route("GET", "/v1", root.version_1, gives=answers.VersionOne),
    Route("GET", "/healthcheck", health.show, media="text/plain", gives=str),
    Route("GET", "/metrics", metrics.show, media="text/plain", gives=str),
    Route("GET", "/openapi.json", openapi, gives=dict),
)

_NODES = (
    *routes_of(
        NODES,
        own={"POST": collection.create, "PATCH": collection.patch, "DELETE": collection.delete},
    ),
    *_below(
        ("GET", "states", states.show, {"gives": "node.states"}),
        ("PUT", "states/provision", states.provision, {"takes": ProvisionRequest, **_LATER}),
        ("PUT", "states/power", states.power, {"takes": orders.PowerOrder, **_LATER}),
        (
            "PUT",
            "states/raid",
            states.raid,
            {"takes": orders.RaidOrder, "since": 12, "early": HTTPStatus.NOT_ACCEPTABLE},
        ),
        (
            "PUT",
            "states/boot_mode",
            abilities.set_boot_mode,
            {"takes": orders.BootModeOrder, "since": 76, **_LATER},
        ),
        (
            "PUT",
            "states/secure_boot",
            abilities.set_secure_boot,
            {"takes": orders.SecureBootOrder, "since": 76, **_LATER},
        ),
        ("GET", "states/console", abilities.console, {"gives": answers.ConsoleState}),
        (
            "PUT",
            "states/console",
            abilities.set_console,
            {"takes": orders.ConsoleOrder, **_LATER},
        ),
        ("GET", "console", console.show, {"gives": answers.ConsoleStanding}),
        (
            "GET",
            "console/output",
            console.follow,
            {"media": "text/event-stream", "gives": str, "query": orders.ConsoleArguments},
        ),
        ("GET", "console/log", console.log, {"media": "application/octet-stream", "gives": bytes}),
        (
            "PUT",
            "console/keyboard",
            console.take_keyboard,
            {"takes": orders.KeyboardOrder, "gives": answers.Keyboard},
        ),
        (
            "DELETE",
            "console/keyboard",
            console.leave_keyboard,
            {"query": orders.KeyboardArguments},
        ),
        (
            "POST",
            "console/input",
            console.type_on,
            {"takes": orders.TypingOrder, "gives": answers.Typed, "status": "200"},
        ),
        ("GET", "validate", management.validate, {"gives": dict[str, answers.InterfaceCheck]}),
        (
            "PUT",
            "maintenance",
            management.set_maintenance,
            {"takes": orders.MaintenanceOrder, **_LATER},
        ),
        ("DELETE", "maintenance", management.unset_maintenance, _LATER),
    ),
)

_MANAGEMENT = _below(
    (
        "GET",
        "management/boot_device",
        management.boot_device,
        {"gives": answers.CurrentBootDevice},
    ),
    (
        "PUT",
        "management/boot_device",
        management.set_boot_device,
        {"takes": orders.BootDeviceOrder},
    ),
    (
        "GET",
        "management/boot_device/supported",
        management.supported_boot_devices,
        {"gives": answers.SupportedBootDevices},
    ),
    ("PUT", "management/inject_nmi", abilities.inject_nmi, {"since": 29}),
    ("GET", "management/indicators", abilities.indicators, {"gives": answers.Lamps}),
    (
        "GET",
        "management/indicators/<indicator>",
        abilities.indicator,
        {"gives": answers.LampState},
    ),
    (
        "PUT",
        "management/indicators/<indicator>",
        abilities.set_indicator,
        {"takes": orders.IndicatorOrder},
    ),
)

_NODE_PARTS = (
    *_below(
        (
            "GET",
            "traits",
            traits.index,
            {"since": 37, "early": HTTPStatus.NOT_ACCEPTABLE, "gives": answers.Traits},
        ),
        ("PUT", "traits", traits.replace, {**_TRAITS, "takes": orders.TraitsOrder}),
        ("DELETE", "traits", traits.clear, {"since": 37}),
        ("PUT", "traits/<trait>", traits.add, _TRAITS),
        ("DELETE", "traits/<trait>", traits.remove, {"since": 37}),
        ("GET", "vifs", vifs.index, {"since": 28, "gives": answers.Vifs}),
        ("POST", "vifs", vifs.attach, {"since": 28, "takes": orders.VifOrder}),
        ("DELETE", "vifs/<vif>", vifs.detach, {"since": 28}),
        (
            "GET",
            "history",
            history.index,
            {"since": 78, "query": (*PAGE_ARGUMENTS, "detail"), "gives": answers.History},
        ),
        ("GET", "history/<event>", history.show, {"since": 78, "gives": answers.HistoryEvent}),
        ("GET", "inventory", history.inventory, {"since": 81, "gives": answers.Inventory}),
        ("GET", "certificates", certificates.index, {"gives": answers.Certificates}),
        (
            "GET",
            "certificates/<certificate>",
            certificates.show,
            {"gives": answers.SignedCertificate},
        ),
        (
            "GET",
            "certificates/<certificate>/page",
            certificates.printable,
            {"media": "text/html", "gives": str},
        ),
        ("GET", "children", parts.children, {"since": 83, "gives": answers.Children}),
        ("GET", "volume", parts.volume, {"since": 32, "gives": answers.VolumeLinks}),
        (
            "GET",
            "vmedia",
            virtual_media.show,
            {"since": 93, "gives": list[answers.VirtualDrive]},
        ),
        ("POST", "vmedia", virtual_media.attach, {"since": 89, "takes": orders.MediaOrder}),
        (
            "DELETE",
            "vmedia",
            virtual_media.detach,
            {"since": 89, "query": orders.MediaArguments},
        ),
        (
            "GET",
            "vendor_passthru/methods",
            abilities.passthru_methods,
            {"gives": dict[str, answers.VendorMethod]},
        ),
    ),
    *(
        Route(
            method,
            f"{_NODE}/vendor_passthru{below}",
            partial(abilities.pass_through, http_method=method),
            what="Call a method of the vendor interface.",
            query=() if below else orders.PassthruArguments,
            takes="" if method in {"GET", "DELETE"} else dict,
            status="2XX",
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
    *routes_of(CONDUCTORS, is_written=False),
    Route(
        "GET",
        "/v1/lookup",
        ramdisk.lookup,
        query=orders.LookupArguments,
        gives=answers.FoundNode,
    ),
    Route("POST", "/v1/heartbeat/<ident>", ramdisk.heartbeat, takes=Heartbeat, status="202"),
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
    Route("GET", "/v1/shards", small_pages.shards, 82, gives=answers.Shards),
    Route("GET", "/v1/volume", small_pages.volume, 32, gives=answers.VolumeLinks),
)

ROUTES = (
    *_ROOT,
    *_NODES,
    *_MANAGEMENT,
    *_NODE_PARTS,
    *firmware.ROUTES,
    *_OTHERS,
    *(route for resource in RESOURCES for route in routes_of(resource)),
    *allocations.ROUTES,
    *inspection_rules.ROUTES,
    *images.ROUTES,
)
"""All routes."""
