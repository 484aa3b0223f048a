"""What a client can ask of a node: checked against the state table, stored, done by the engine."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from controller.bmc.interface import PowerAction, PowerState
from controller.errors import Conflict, Invalid, InvalidStateRequested, NodeProtected
from controller.images.config_drive import build_config_drive
from controller.states import VERBS, Event, State, check_verb
from controller.store.events import record_event
from controller.store.nodes import get_node
from controller.store.tables import Node
from controller.workflow.locks import free_node, is_idle
from controller.workflow.machine import driver_of
from controller.workflow.node_rules import check_boot, check_deployment, check_hints
from controller.workflow.questions import (
    boot_device,
    set_boot_device,
    supported_boot_devices,
    validate,
)
from controller.workflow.services import Services
from controller.workflow.transition import change_state, enter_stage
from controller.workflow.unbreakable import ABORTED, postpone, unbreakable_step

__all__ = [
    "ProvisionRequest",
    "boot_device",
    "provision",
    "set_boot_device",
    "set_power",
    "supported_boot_devices",
    "validate",
]

_NOT_SERVED = frozenset({"clean", "adopt", "rescue", "unrescue", "service", "unhold"})
_SERVED = tuple(verb for verb in VERBS if verb not in _NOT_SERVED)
_FIRST_STAGES: Mapping[State, str] = {
    State.VERIFYING: "verify.credentials",
    State.INSPECTING: "inspect.begin",
    State.CLEANING: "clean.begin",
    State.DEPLOYING: "deploy.begin",
    State.DELETING: "delete.power_off",
    State.DEPLOY_FAILED: "aborted.power_off",
    State.CLEAN_FAILED: "aborted.power_off",
    State.INSPECT_FAILED: "aborted.power_off",
}
"""What the engine begins with when a verb has led to this state; nothing in the others."""
_POWER_STAGES: Mapping[PowerAction, tuple[str, PowerState]] = {
    PowerAction.ON: ("power.on", PowerState.ON),
    PowerAction.OFF: ("power.off", PowerState.OFF),
    PowerAction.SOFT_OFF: ("power.soft_off", PowerState.OFF),
    PowerAction.REBOOT: ("power.cycle_off", PowerState.ON),
    PowerAction.SOFT_REBOOT: ("power.soft_cycle_off", PowerState.ON),
}
_SWITCHES_OFF = frozenset({PowerAction.OFF, PowerAction.SOFT_OFF, PowerAction.SOFT_REBOOT})
_NO_POWER_STATES = frozenset({State.CLEANING, State.CLEAN_WAIT, State.CLEAN_HOLD})


class ProvisionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``PUT /v1/nodes/<ident>/states/provision``."""

    target: str
    configdrive: str | dict[str, Any] | None = None
    clean_steps: list[dict[str, Any]] | None = None
    deploy_steps: list[dict[str, Any]] | None = None
    service_steps: list[dict[str, Any]] | None = None
    rescue_password: str | None = None
    disable_ramdisk: bool | None = None
    runbook: str | None = None


def provision(services: Services, ident: str, request: ProvisionRequest) -> None:
    """Start the workflow that ``request.target`` names.

    Raises:
        NotFound: There is no such node.
        InvalidStateRequested: Not possible in the node's state.
        Invalid: The request is malformed, or the verb is not served yet.
        NodeProtected: The node is protected from being deleted or rebuilt.
        NodeLocked: A worker is at the node for longer than the request waits.
    """
    event = _event(request.target)
    _check_arguments(request, event)
    ident, config_drive = _config_drive(services, ident, request, event)
    with free_node(services, ident) as (session, node):
        check_verb(State(node.provision_state), request.target, _SERVED)
        _check_node(services, node, event)
        if event in {Event.ABORT, Event.DELETE} and unbreakable_step(node):
            text = postpone(node, event)
            if text:
                record_event(session, node, "request", text, at=services.clock())
            return
        text = f"{request.target} was asked for"
        record_event(session, node, "request", text, at=services.clock())
        if event in {Event.DEPLOY, Event.REBUILD}:
            node.config_drive = config_drive or node.config_drive
        _begin(services, session, node, event, request)
    services.wake()


def set_power(services: Services, ident: str, target: str, timeout_s: float | None) -> None:
    """Start a power action; ``target`` is one of ``PowerAction``.

    Args:
        services: The controller's parts.
        ident: UUID or name of the node.
        target: What to do.
        timeout_s: Longest wait for the machine to get there; ``None`` = the setting.

    Raises:
        NotFound: There is no such node.
        Invalid: An unknown target, the node's state does not allow it, or ``driver_info`` is incomplete.
        Conflict: The node must not be switched off.
        NodeLocked: The node is at something else.
    """
    try:
        stage, wanted = _POWER_STAGES[PowerAction(target)]
    except ValueError:
        possible = ", ".join(PowerAction)
        raise Invalid(f"power target {target!r} is unknown; possible: {possible}") from None
    with free_node(services, ident, _may_switch) as (session, node):
        if node.provision_state in _NO_POWER_STATES:
            raise InvalidStateRequested(
                f'The requested action "{target}" can not be performed on node "{node.uuid}" while it '
                f'is in state "{node.provision_state}"'
            )
        if node.disable_power_off and target in _SWITCHES_OFF:
            raise Conflict(
                f"node {node.uuid} has disable_power_off and is not switched off; ask for "
                f'"{PowerAction.REBOOT}", which resets it, or clear disable_power_off first'
            )
        driver_of(services, node).validate(dict(node.driver_info))
        record_event(session, node, "request", f"{target} was asked for", at=services.clock())
        node.target_power_state, node.last_error = wanted, None
        enter_stage(services, node, stage, timeout_s=timeout_s)
    services.wake()


def _begin(
    services: Services, session: Session, node: Node, event: Event, request: ProvisionRequest
) -> None:
    """Move the node along the state table and into the first stage of what was asked for."""
    change_state(session, node, event, services.clock())
    node.last_error = ABORTED if event is Event.ABORT else None
    node.target_power_state = None
    enter_stage(services, node, None)
    stage = _FIRST_STAGES.get(State(node.provision_state))
    data = {"wishes": request.deploy_steps} if request.deploy_steps else {}
    enter_stage(services, node, stage, data=data)


def _may_switch(node: Node) -> bool:
    """Say whether a power order can be taken now, or refused for good."""
    return is_idle(node) or node.provision_state in _NO_POWER_STATES


def _event(target: str) -> Event:
    if target in _NOT_SERVED:
        raise Invalid(
            f'provision verb "{target}" is not served yet by this controller; '
            f"it serves: {', '.join(sorted(_SERVED))}"
        )
    if target not in VERBS:
        raise InvalidStateRequested(
            f'The requested action "{target}" is not a provision verb; '
            f"possible: {', '.join(sorted(_SERVED))}"
        )
    return VERBS[target]


def _check_arguments(request: ProvisionRequest, event: Event) -> None:
    is_deploying = event in {Event.DEPLOY, Event.REBUILD}
    for name in ("clean_steps", "service_steps", "rescue_password", "runbook", "disable_ramdisk"):
        if getattr(request, name) is not None:
            raise Invalid(f'{name} does not go with provision verb "{request.target}"')
    for name in ("configdrive", "deploy_steps"):
        if getattr(request, name) is not None and not is_deploying:
            raise Invalid(f'{name} does not go with provision verb "{request.target}"')
    for step in request.deploy_steps or ():
        missing = {"interface", "step", "args", "priority"} - set(step)
        if missing:
            raise Invalid(f"a deploy step lacks {', '.join(sorted(missing))}: {sorted(step)}")
        if not isinstance(step["priority"], int) or not isinstance(step["args"], dict):
            raise Invalid("a deploy step's priority must be a number and its args an object")


def _check_node(services: Services, node: Node, event: Event) -> None:
    if event in {Event.DELETE, Event.REBUILD} and node.protected:
        raise NodeProtected(
            f"node {node.uuid} is protected ({node.protected_reason or 'no reason given'}); "
            "clear protected first"
        )
    if event is Event.PROVIDE:
        check_hints(node)
    if event is Event.PROVIDE and node.retired:
        raise Invalid(f"node {node.uuid} is retired; clear retired before making it available")
    if event in {Event.DEPLOY, Event.REBUILD}:
        if node.maintenance:
            raise Invalid(
                f"node {node.uuid} is in maintenance ({node.maintenance_reason or 'no reason given'}); "
                "end the maintenance first"
            )
        check_deployment(node, services.settings)
        check_boot(node, services.settings)
    if event is Event.INSPECT and node.interfaces.get("inspect") == "no-inspect":
        raise Invalid(
            f"node {node.uuid} has inspect_interface no-inspect; set it to agent to inspect the node"
        )
    if event in {Event.PROVIDE, Event.DEPLOY, Event.REBUILD, Event.INSPECT}:
        driver_of(services, node).validate(dict(node.driver_info))


def _config_drive(
    services: Services, ident: str, request: ProvisionRequest, event: Event
) -> tuple[str, str | None]:
    """Return the node's UUID and its new config drive, if there is one.

    Making it runs a program, which must not hold up everybody else's writes: it is made outside of a transaction.
    """
    if event not in {Event.DEPLOY, Event.REBUILD}:
        return ident, None
    with services.store.read() as session:
        node = get_node(session, ident)
    value = request.configdrive
    if value is None:
        value = node.config_drive
    if value is None:
        return node.uuid, None
    timeout_s = services.settings.config_drive_timeout_s
    return node.uuid, build_config_drive(
        value, node_uuid=node.uuid, node_name=node.name, timeout_s=timeout_s
    )
