"""What a client can ask of a node: checked against the state table, stored, done by the engine."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from controller.errors import Conflict, Invalid, InvalidStateRequested
from controller.hardware.bmc import PowerAction, PowerState
from controller.images.config_drive import build_config_drive
from controller.states import Event, State, check_verb
from controller.store.certificates import sign_in
from controller.store.events import record_event
from controller.store.nodes import get_node
from controller.store.tables import Node
from controller.workflow.certificates import of_interrupted
from controller.workflow.locks import free_node, lends_power
from controller.workflow.machine import check_bmc
from controller.workflow.questions import (
    boot_device,
    set_boot_device,
    supported_boot_devices,
    validate,
)
from controller.workflow.registered_images import give_image
from controller.workflow.services import Services
from controller.workflow.stored_steps import Order, with_stored_steps
from controller.workflow.transition import (
    change_state,
    enter_beside,
    enter_stage,
    first_needed,
    keep_certificates,
    make_due,
)
from controller.workflow.unbreakable import ABORTED, is_waited_for, postpone
from controller.workflow.verb_request import ProvisionRequest
from controller.workflow.verb_table import TABLE, Verb, check_arguments, verb_of

__all__ = [
    "ProvisionRequest",
    "boot_device",
    "provision",
    "set_boot_device",
    "set_power",
    "supported_boot_devices",
    "validate",
]

_POWER_STAGES: Mapping[PowerAction, tuple[str, PowerState]] = {
    PowerAction.ON: ("power.on", PowerState.ON),
    PowerAction.OFF: ("power.off", PowerState.OFF),
    PowerAction.SOFT_OFF: ("power.soft_off", PowerState.OFF),
    PowerAction.REBOOT: ("power.cycle_off", PowerState.ON),
    PowerAction.SOFT_REBOOT: ("power.soft_cycle_off", PowerState.ON),
}
_ENDS = frozenset({Event.ABORT, Event.DELETE})
_SWITCHES_OFF = frozenset({PowerAction.OFF, PowerAction.SOFT_OFF, PowerAction.SOFT_REBOOT})
_NO_POWER_STATES = frozenset({State.CLEANING, State.CLEAN_WAIT})


def provision(
    services: Services, ident: str, request: ProvisionRequest, *, runbooks_by_name: bool = False
) -> None:
    """Start the workflow that ``request.target`` names.

    Args:
        services: The controller's parts.
        ident: UUID or name of the node.
        request: What is asked for.
        runbooks_by_name: As :func:`with_stored_steps`.

    Raises:
        NotFound: There is no such node, or no such runbook.
        InvalidStateRequested: Not possible in the node's state.
        Invalid: The request is malformed, or the verb is not served yet.
        NodeProtected: The node is protected from being deleted or rebuilt.
        NodeLocked: A worker is at the node for longer than the request waits.
    """
    verb = verb_of(request.target)
    check_arguments(verb, request)
    ident, config_drive = _config_drive(services, ident, request, verb)
    with free_node(services, ident) as (session, node):
        check_verb(State(node.provision_state), verb.name, tuple(TABLE))
        order = with_stored_steps(
            session, node, request, verb.steps, runbooks_by_name=runbooks_by_name
        )
        if verb.is_new_instance:
            give_image(services, session, node, is_order=True)
        for check in verb.checks:
            check(services, node, order)
        if verb.event in _ENDS and is_waited_for(node):
            _postpone(services, session, node, verb)
            return
        text = f"{verb.name} was asked for"
        record_event(session, node, "request", text, at=services.clock())
        node.config_drive = config_drive or node.config_drive
        _begin(services, session, node, verb, order)
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
        check_bmc(services, node)
        record_event(session, node, "request", f"{target} was asked for", at=services.clock())
        node.target_power_state, node.last_error = wanted, None
        enter_beside(services, node, stage, timeout_s=timeout_s)
    services.wake()


def _begin(services: Services, session: Session, node: Node, verb: Verb, order: Order) -> None:
    """Move the node along the state table and into the first stage of what was asked for."""
    _certify_cut_off(services, session, node, verb)
    if State(node.provision_state) not in verb.moves_last:
        change_state(session, node, verb.event, services.clock())
    if verb.target is not None:
        node.target_provision_state = verb.target
    node.last_error = ABORTED if verb.event is Event.ABORT else None
    node.target_power_state = None
    stage = verb.begins.get(State(node.provision_state))
    if verb.goes_on:
        enter_stage(services, node, stage)
        return
    enter_stage(services, node, None)
    enter_stage(services, node, first_needed(services, node, stage), data=verb.data(order))


def _postpone(services: Services, session: Session, node: Node, verb: Verb) -> None:
    """Have a verb carried out after the step that runs, and a worker look at once."""
    text = postpone(node, verb.event)
    if text:
        record_event(session, node, "request", text, at=services.clock())
        make_due(services, node)


def _certify_cut_off(services: Services, session: Session, node: Node, verb: Verb) -> None:
    """Certify an erasure that the verb cuts off as failed."""
    if verb.event not in _ENDS:
        return
    reason = f"{verb.name} was asked for before the step had ended"
    at, controller = services.clock(), services.hostname
    cut_off = of_interrupted(node, node.stage or "", reason, controller=controller, at=at)
    keep_certificates(services, session, node, sign_in(session, cut_off, at=at))


def _may_switch(node: Node) -> bool:
    """Say whether a power order can be taken now, or refused for good."""
    return lends_power(node) or node.provision_state in _NO_POWER_STATES


def _config_drive(
    services: Services, ident: str, request: ProvisionRequest, verb: Verb
) -> tuple[str, str | None]:
    """Return the node's UUID and its new config drive, if there is one.

    Making it runs a program, which must not hold up everybody else's writes: it is made outside of a transaction.
    """
    if not verb.is_new_instance:
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
