"""A node's console, firmware modes, NMI, indicators and vendor methods: what its interfaces can beside workflows."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Response

from controller.api.access.asking import may
from controller.api.access.grants import Target
from controller.api.call import Call, parse_boolean
from controller.api.documents import values
from controller.api.replies import empty_reply, json_reply, links
from controller.errors import Invalid
from controller.hardware.abilities import Indicator
from controller.hardware.bmc import BootMode
from controller.screens.interface import SCREEN
from controller.store.nodes import read_node
from controller.store.tables import Node
from controller.workflow import abilities
from controller.workflow.screens import opened_information


def console(call: Call, ident: str) -> Response:
    """Say whether the console is served, and how it is reached; with ``watch`` by an address that only shows a screen."""
    is_watched = call.flag("watch") or False
    found = abilities.console_information(call.services, ident)
    if found is not None and found.get("type") == SCREEN:
        user = call.principal.user or f"somebody at {call.sender}"
        found = opened_information(
            call.services, ident, found, user, lambda node: not is_watched and _may_type(call, node)
        )
    if found is not None and str(found.get("url", "")).startswith("/"):
        found = {**found, "url": call.base_url + found["url"]}
    return json_reply({"console_enabled": found is not None, "console_info": found})


def _may_type(call: Call, node: Node) -> bool:
    target = Target(owner=node.owner, lessee=node.lessee)
    return may(call.principal, "baremetal:node:set_console_state", target)


def set_console(call: Call, ident: str) -> Response:
    """Switch the console on or off."""
    body = dict(call.query) | call.body_object()
    is_on = parse_boolean(_given(body, "enabled"), "enabled")
    abilities.set_console(call.services, ident, is_on)
    return _accepted(call, ident, "states/console")


def set_boot_mode(call: Call, ident: str) -> Response:
    """Change the boot mode of the firmware (``bios``, ``uefi``)."""
    target = _given(call.body_object(), "target")
    if target not in set(BootMode):
        valid = ", ".join(BootMode)
        raise Invalid(
            f"Invalid boot mode {target!r:.100} requested for node. Allowed boot modes are: {valid}"
        )
    abilities.set_boot_mode(call.services, ident, BootMode(target))
    return _accepted(call, ident, "states")


def set_secure_boot(call: Call, ident: str) -> Response:
    """Switch Secure Boot on or off."""
    is_on = parse_boolean(_given(call.body_object(), "target"), "target")
    abilities.set_secure_boot(call.services, ident, is_on)
    return _accepted(call, ident, "states")


def inject_nmi(call: Call, ident: str) -> Response:
    """Send the machine a non-maskable interrupt."""
    abilities.inject_nmi(call.services, ident)
    return empty_reply()


def indicators(call: Call, ident: str) -> Response:
    """List the lamps of the machine."""
    found = abilities.indicators(call.services, ident)
    return json_reply(
        {
            "indicators": [
                _indicator(call, ident, component, name, lamp)
                for component, lamps in found.items()
                for name, lamp in lamps.items()
            ]
        }
    )


def indicator(call: Call, ident: str, indicator: str) -> Response:
    """Say what a lamp does."""
    component, name = _place(indicator)
    state = abilities.indicator_state(call.services, ident, component, name)
    return json_reply({"state": str(state)})


def set_indicator(call: Call, ident: str, indicator: str) -> Response:
    """Switch a lamp (``on``, ``off``, ``blinking``)."""
    component, name = _place(indicator)
    state = values.text(_given(dict(call.query) | call.body_object(), "state"), "state")
    abilities.set_indicator_state(call.services, ident, component, name, state or "")
    return empty_reply()


def passthru_methods(call: Call, ident: str) -> Response:
    """List the methods of the vendor interface."""
    found = abilities.passthru_methods(call.services, ident)
    return json_reply(
        {
            name: {
                "async": one.is_async,
                "attach": False,
                "description": one.description,
                "http_methods": list(one.http_methods),
                "require_exclusive_lock": one.requires_exclusive_lock,
            }
            for name, one in found.items()
        }
    )


def pass_through(call: Call, ident: str, http_method: str, name: str | None = None) -> Response:
    """Call a method of the vendor interface."""
    wanted = name or call.query.get("method")
    if not wanted:
        with call.services.store.read() as session:
            read_node(session, ident, ("id",))
        raise Invalid(
            "Method not specified; give ?method=, GET .../vendor_passthru/methods lists them"
        )
    body = call.body_object()
    method, result = abilities.pass_through(call.services, ident, wanted, http_method, body)
    if method.is_async:
        return json_reply(None, HTTPStatus.ACCEPTED)
    return json_reply(result)


def _given(body: Mapping[str, Any], name: str) -> Any:
    if body.get(name) is None:
        raise Invalid(f"Missing mandatory parameter: {name}")
    return body[name]


def _place(unique_name: str) -> tuple[str, str]:
    name, at, component = unique_name.partition("@")
    if not at:
        raise Invalid(f'Malformed indicator name "{unique_name:.100}"; write NAME@COMPONENT')
    return component, name


def _indicator(
    call: Call, ident: str, component: str, name: str, lamp: Indicator
) -> dict[str, Any]:
    unique_name = f"{name}@{component}"
    return {
        "name": unique_name,
        "component": component,
        "readonly": lamp.readonly,
        "states": [str(state) for state in lamp.states],
        "links": links(call.base_url, f"nodes/{ident}/management/indicators/{unique_name}"),
    }


def _accepted(call: Call, ident: str, below: str) -> Response:
    return empty_reply(HTTPStatus.ACCEPTED, f"{call.base_url}/v1/nodes/{ident}/{below}")
