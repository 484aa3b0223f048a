"""The routes of nodes and below them on one page, as ``routes.py`` has those of everything else."""

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Any

from controller.api.documents import answers, orders
from controller.api.lists import PAGE_ARGUMENTS
from controller.api.nodes import (
    abilities,
    certificates,
    collection,
    console,
    history,
    management,
    parts,
    readings,
    states,
    traits,
    vifs,
    virtual_media,
)
from controller.api.nodes.fields import NODES
from controller.api.resource.endpoints import Handler, routes_of
from controller.api.route import Route
from controller.workflow.verb_request import ProvisionRequest

_NODE = "/v1/nodes/<ident>"


def _below(*lines: tuple[str, str, Handler, Mapping[str, Any]]) -> tuple[Route, ...]:
    """Return routes below a node: method, path, handler, and what else a route says."""
    return tuple(
        Route(method, f"{_NODE}/{below}", handler, **said) for method, below, handler, said in lines
    )


_LATER: Mapping[str, Any] = {"status": "202"}
"""What is done after the answer."""
_TRAITS: Mapping[str, Any] = {"since": 37, "early": HTTPStatus.METHOD_NOT_ALLOWED}

_NODES = (
    *(
        one._replace(query=("reset_interfaces",)) if one.method == "PATCH" else one
        for one in routes_of(
            NODES,
            own={"POST": collection.create, "PATCH": collection.patch, "DELETE": collection.delete},
        )
    ),
    Route(
        "GET",
        "/v1/nodes/validate",
        management.validate_asked,
        query=("node", "node_uuid"),
        gives=dict[str, answers.InterfaceCheck],
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
        (
            "GET",
            "states/console",
            abilities.console,
            {"gives": answers.ConsoleState, "query": ("watch",)},
        ),
        (
            "PUT",
            "states/console",
            abilities.set_console,
            {"takes": orders.ConsoleOrder, "is_loose": True, **_LATER},
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
        {"takes": orders.BootDeviceOrder, "is_loose": True},
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
        {"takes": orders.IndicatorOrder, "is_loose": True},
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
        (
            "GET",
            "sensors",
            readings.sensors,
            {"query": ("now",), "gives": answers.MachineSensors},
        ),
        ("GET", "bmc_log", readings.log, {"query": ("limit",), "gives": answers.HardwareLog}),
        ("DELETE", "bmc_log", readings.clear_log, {}),
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
            is_loose=True,
            takes="" if method in {"GET", "DELETE"} else dict,
            status="2XX",
        )
        for below in ("", "/<name>")
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
    ),
)

NODE_ROUTES = (*_NODES, *_MANAGEMENT, *_NODE_PARTS)
"""All of them."""
