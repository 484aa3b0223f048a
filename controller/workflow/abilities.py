"""What a person can have done beside workflows where the node's interfaces can: firmware modes, NMI, lamps, console, vendor methods.

Each call holds the node, asks the BMC within its time limit and, where the node's row tells of it, reads back what was set. An
interface that lacks the ability says so, and names itself: nothing is changed then.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from controller.errors import BmcError, Conflict, Invalid
from controller.hardware.abilities import (
    HasIndicators,
    Indicators,
    IndicatorState,
    Interrupts,
    SwitchesFirmware,
)
from controller.hardware.bmc import BootMode
from controller.hardware.interface import ConsoleInterface, Facts, PassthruMethod, VendorInterface
from controller.hardware.screen import OpensScreen
from controller.states import State
from controller.store.events import record_event
from controller.store.nodes import get_node
from controller.store.tables import Node
from controller.workflow.locks import held_node
from controller.workflow.machine import interfaces_of, management_of
from controller.workflow.services import Services

_UNSTABLE = frozenset(
    {
        State.DEPLOYING,
        State.DEPLOY_WAIT,
        State.CLEANING,
        State.CLEAN_WAIT,
        State.VERIFYING,
        State.DELETING,
        State.INSPECTING,
        State.INSPECT_WAIT,
        State.ADOPTING,
        State.RESCUING,
        State.RESCUE_WAIT,
        State.UNRESCUING,
        State.SERVICING,
        State.SERVICE_WAIT,
    }
)
"""States that end without a person; the firmware is not changed under what goes on."""
STAGE = "management.call"
"""What goes on meanwhile."""


def inject_nmi(services: Services, ident: str) -> None:
    """Send a non-maskable interrupt.

    Raises:
        NotFound: There is no such node.
        Invalid: Its management interface cannot.
        NodeLocked: Something goes on with the node.
        BmcError: The BMC refused, for example because the machine is off.
    """
    with held_node(services, ident, STAGE) as node:
        bmc = management_of(services, node)
        if not isinstance(bmc, Interrupts):
            raise cannot(services, node, "send an NMI")
        bmc.inject_nmi(timeout_s=services.settings.bmc_timeout_s)
        tell(services, node, "An NMI was sent")


def set_boot_mode(services: Services, ident: str, mode: BootMode) -> None:
    """Change the boot mode of the firmware.

    Raises:
        NotFound: There is no such node.
        Invalid: Its management interface cannot.
        Conflict: The node is on its way to another state.
        NodeLocked: Something goes on with the node.
        BmcError: The BMC refused, or has another boot mode afterwards.
    """
    limit_s = services.settings.bmc_timeout_s
    with _at_rest(services, ident, "boot mode") as node:
        bmc = _firmware(services, node, "change the boot mode")
        bmc.set_boot_mode(mode, timeout_s=limit_s)
        found, secure = bmc.boot_mode(timeout_s=limit_s), bmc.secure_boot(timeout_s=limit_s)
        text = f"The boot mode was set to {mode}"
        tell(services, node, text, boot_mode=str(found), secure_boot=secure)
        _require_set("boot mode", mode, found)


def set_secure_boot(services: Services, ident: str, is_on: bool) -> None:
    """Switch Secure Boot.

    Raises:
        NotFound, Invalid, Conflict, NodeLocked, BmcError: As :func:`set_boot_mode`.
    """
    limit_s = services.settings.bmc_timeout_s
    with _at_rest(services, ident, "Secure Boot") as node:
        bmc = _firmware(services, node, "switch Secure Boot")
        bmc.set_secure_boot(is_on, timeout_s=limit_s)
        found = bmc.secure_boot(timeout_s=limit_s)
        text = f"Secure Boot was switched {'on' if is_on else 'off'}"
        tell(services, node, text, secure_boot=found)
        _require_set("Secure Boot", is_on, found)


def indicators(services: Services, ident: str) -> Indicators:
    """Return the lamps of a node; raises as :func:`inject_nmi`."""
    with held_node(services, ident, STAGE) as node:
        bmc = _lamps(services, node, "show indicators")
        return bmc.indicators(timeout_s=services.settings.bmc_timeout_s)


def indicator_state(services: Services, ident: str, component: str, name: str) -> IndicatorState:
    """Return what a lamp does; raises as :func:`inject_nmi`, and ``Invalid`` for a lamp that is not there."""
    limit_s = services.settings.bmc_timeout_s
    with held_node(services, ident, STAGE) as node:
        bmc = _lamps(services, node, "show indicators")
        _require_lamp(bmc.indicators(timeout_s=limit_s), component, name)
        return bmc.indicator_state(component, name, timeout_s=limit_s)


def set_indicator_state(
    services: Services, ident: str, component: str, name: str, state: str
) -> None:
    """Switch a lamp; raises as :func:`indicator_state`, and ``Invalid`` for what it cannot do."""
    limit_s = services.settings.bmc_timeout_s
    with held_node(services, ident, STAGE) as node:
        bmc = _lamps(services, node, "switch indicators")
        known = bmc.indicators(timeout_s=limit_s)
        _require_lamp(known, component, name)
        lamp = known[component][name]
        if lamp.readonly:
            raise Invalid(f"Indicator {name}@{component} can be read only")
        if state not in lamp.states:
            raise Invalid(
                f"Indicator {name}@{component} cannot be {state!r}; possible: {', '.join(lamp.states)}"
            )
        bmc.set_indicator_state(component, name, IndicatorState(state), timeout_s=limit_s)
        tell(services, node, f"The indicator {name}@{component} was switched {state}")


def set_console(services: Services, ident: str, is_on: bool) -> None:
    """Begin or end to serve the console.

    Raises:
        NotFound: There is no such node.
        Invalid: Its console interface serves none, or ``driver_info`` lacks something.
        NodeLocked: Something goes on with the node.
    """
    with held_node(services, ident, STAGE) as node:
        console, facts = _console(services, node)
        console.validate(facts)
        if isinstance(console, OpensScreen) and is_on:
            services.screens.check(console.screen_wish(facts))
        (console.start if is_on else console.stop)(facts)
        if not is_on:
            services.screens.tokens.revoke(node.uuid)
        if node.console_enabled != is_on:
            text = f"The console was switched {'on' if is_on else 'off'}"
            tell(services, node, text, console_enabled=is_on)
            services.consoles_wanted.set()


def console_information(services: Services, ident: str) -> Mapping[str, Any] | None:
    """Return how the console is reached; ``None`` = it is switched off. Raises as :func:`set_console`."""
    with services.store.read() as session:
        node = get_node(session, ident)
    if not node.console_enabled:
        return None
    console, facts = _console(services, node)
    url = services.console_ports.url_of(node.uuid)
    return {"type": "socat", "url": url} if url else console.information(facts)


def passthru_methods(services: Services, ident: str) -> Mapping[str, PassthruMethod]:
    """Return the methods of the node's vendor interface."""
    with services.store.read() as session:
        node = get_node(session, ident)
    vendor = interfaces_of(services, node).vendor
    return vendor.methods if isinstance(vendor, VendorInterface) else {}


def pass_through(
    services: Services, ident: str, name: str, http_method: str, body: Mapping[str, Any]
) -> tuple[PassthruMethod, Any]:
    """Call a vendor method; returns it and its result.

    Raises:
        NotFound: There is no such node.
        Invalid: No such method, not with this HTTP method, or the body lacks something.
        NodeLocked: Something goes on with the node.
    """
    with held_node(services, ident, STAGE) as node:
        interfaces = interfaces_of(services, node)
        known = interfaces.vendor.methods if isinstance(interfaces.vendor, VendorInterface) else {}
        method = known.get(name)
        if method is None:
            raise Invalid(
                f"No handler for method {name}: the vendor_interface {interfaces.names['vendor']} of node {ident} has "
                f"{', '.join(known) or 'none'}"
            )
        if http_method not in method.http_methods:
            raise Invalid(
                f"The method {name} does not support HTTP {http_method}; possible: {', '.join(method.http_methods)}"
            )
        facts = Facts(node=node, settings=services.settings, interfaces=interfaces)
        result = method.call(facts, body)
        if http_method != "GET":
            tell(services, node, f"The vendor method {name} was called")
        return method, result


def _firmware(services: Services, node: Node, what: str) -> SwitchesFirmware:
    bmc = management_of(services, node)
    if not isinstance(bmc, SwitchesFirmware):
        raise cannot(services, node, what)
    return bmc


def _lamps(services: Services, node: Node, what: str) -> HasIndicators:
    bmc = management_of(services, node)
    if not isinstance(bmc, HasIndicators):
        raise cannot(services, node, what)
    return bmc


def cannot(services: Services, node: Node, what: str) -> Invalid:
    """Return the error for what the node's management interface lacks."""
    name = interfaces_of(services, node).names["management"]
    return Invalid(
        f"The management_interface {name} of node {node.name or node.uuid} cannot {what}; nothing was changed"
    )


@contextmanager
def _at_rest(services: Services, ident: str, what: str) -> Iterator[Node]:
    with held_node(services, ident, STAGE) as node:
        if node.provision_state in _UNSTABLE:
            raise Conflict(
                f"Node {ident} is {node.provision_state}, on its way to another state: its {what} is not changed under that; "
                "wait, or abort first"
            )
        yield node


def _console(services: Services, node: Node) -> tuple[ConsoleInterface, Facts]:
    interfaces = interfaces_of(services, node)
    if not isinstance(interfaces.console, ConsoleInterface):
        raise Invalid(
            f"The console_interface {interfaces.names['console']} of node {node.name or node.uuid} serves no console"
        )
    return interfaces.console, Facts(node=node, settings=services.settings, interfaces=interfaces)


def _require_lamp(known: Indicators, component: str, name: str) -> None:
    if name not in known.get(component, {}):
        lamps = [f"{one}@{part}" for part, names in known.items() for one in names]
        raise Invalid(f"There is no indicator {name}@{component}; there are: {', '.join(lamps)}")


def _require_set(what: str, wanted: object, found: object) -> None:
    if wanted != found:
        raise BmcError(
            f"The BMC took the {what} {wanted} and still says {found}; look at its own page or log"
        )


def tell(services: Services, node: Node, text: str, **columns: Any) -> None:
    """Write down what was done, and what the row tells of it."""
    with services.store.edit() as session:
        row = get_node(session, node.uuid, for_update=True)
        record_event(session, row, "request", text, at=services.clock())
        for name, value in columns.items():
            setattr(row, name, value)
        row.updated_at = services.clock()
