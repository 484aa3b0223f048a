"""What must be true of a node before a verb is taken; each check is named in the rows of ``verb_table.py``.

They only read: the node's row is locked, and nobody is asked.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from agent.protocol.password_hash import LONGEST_PASSWORD, is_password
from controller.errors import Conflict, Invalid, NodeProtected
from controller.hardware.interface import Facts, Interfaces
from controller.hardware.steps import Kind, StepSpec
from controller.states import State
from controller.store.tables import Node
from controller.workflow import burnin
from controller.workflow.children import children_of, obstacle
from controller.workflow.firmware_wishes import check_firmware_wishes
from controller.workflow.machine import (
    check_bmc,
    core_steps_of,
    interfaces_of,
    management_of,
    require_ramdisk,
)
from controller.workflow.networks.move import check as check_networks
from controller.workflow.networks.move import connects
from controller.workflow.networks.plan import Moment
from controller.workflow.node_rules import check_hints, require_bootable
from controller.workflow.services import Services
from controller.workflow.steps.known import bmc_offer, bmc_steps, remembered_offer, rules_of
from controller.workflow.steps.planner import check_wishes, merged, needs_ramdisk
from controller.workflow.steps.wishes import Wish, read_wishes
from controller.workflow.stored_steps import Order
from controller.workflow.verb_request import ProvisionRequest

Check = Callable[[Services, Node, Order], None]


def is_unprotected(_services: Services, node: Node, _request: ProvisionRequest) -> None:
    """Refuse to take a protected node from its instance."""
    if node.protected:
        raise NodeProtected(
            f"node {node.uuid} is protected ({node.protected_reason or 'no reason given'}); "
            "clear protected first"
        )


def is_not_in_maintenance(_services: Services, node: Node, _request: ProvisionRequest) -> None:
    """Refuse what the maintenance is meant to keep away from the machine."""
    if node.maintenance:
        raise Invalid(
            f"node {node.uuid} is in maintenance ({node.maintenance_reason or 'no reason given'}); "
            "end the maintenance first"
        )


def is_not_retired(_services: Services, node: Node, _request: ProvisionRequest) -> None:
    """Refuse to offer a retired node."""
    if node.retired:
        raise Invalid(f"node {node.uuid} is retired; clear retired before making it available")


def is_burned_in(services: Services, node: Node, _request: ProvisionRequest) -> None:
    """Refuse to offer a node that has not passed what the settings or the node require."""
    kinds = burnin.required_of(services.settings, node)
    valid_days = services.settings.burnin_valid_days
    if problems := burnin.missing(node, kinds, valid_days, services.clock()):
        steps = ", ".join(f"burnin_{kind}" for kind in kinds)
        raise Conflict(
            f"node {node.uuid} is not validated: {'; '.join(problems)}; clean it with the steps {steps}, or set"
            f" properties.{burnin.PROPERTY} to none"
        )


def has_readable_hints(_services: Services, node: Node, _request: ProvisionRequest) -> None:
    """Refuse hints that cleaning could not obey."""
    check_hints(node)


def can_deploy(services: Services, node: Node, _request: ProvisionRequest) -> None:
    """Refuse what the deploy and boot interfaces could not carry out."""
    interfaces = interfaces_of(services, node)
    interfaces.deploy.check(node, services.settings)
    require_bootable(node, interfaces)
    _require_networks(services, node, Moment.TENANT)
    if Kind.DEPLOY in interfaces.deploy.agent_in:
        _require_networks(services, node, Moment.PROVISIONING)
        interfaces.boot.require_files(node, services.settings)
        name = interfaces.names["management"]
        check_firmware_wishes(node, management_of(services, node), name)


def _require_networks(services: Services, node: Node, *moments: Moment) -> None:
    """Refuse what the node's network interface could not do at these moments."""
    if not connects(services, node):
        return
    with services.store.read() as session:
        for moment in moments:
            check_networks(services, session, node, moment)


def can_inspect(services: Services, node: Node, _request: ProvisionRequest) -> None:
    """Refuse an inspection that nothing would carry out."""
    if _require(services, node, "inspect").inspect.uses_ramdisk:
        _require_networks(services, node, Moment.INSPECTION)


def _require(services: Services, node: Node, kind: str) -> Interfaces:
    interfaces = interfaces_of(services, node)
    if not interfaces.supports(kind):
        raise Invalid(
            f"node {node.uuid} has {kind}_interface {interfaces.names[kind]}; set it to agent to {kind} the node"
        )
    return interfaces


def has_usable_password(_services: Services, _node: Node, request: ProvisionRequest) -> None:
    """Refuse a rescue password that the agent would refuse; it is not repeated."""
    password = request.rescue_password or ""
    if not is_password(password) or not password.strip():
        raise Invalid(
            f"rescue_password must have 1 to {LONGEST_PASSWORD} letters, not only spaces and no control character"
        )


def can_rescue(services: Services, node: Node, _request: ProvisionRequest) -> None:
    """Refuse a rescue that the rescue or boot interface could not carry out."""
    interfaces = _require(services, node, "rescue")
    interfaces.rescue.validate(Facts(node=node, settings=services.settings, interfaces=interfaces))
    if interfaces.rescue.uses_ramdisk:
        _require_networks(services, node, Moment.RESCUING)


def has_bmc(services: Services, node: Node, _request: ProvisionRequest) -> None:
    """Refuse a node whose ``driver_info`` is incomplete."""
    check_bmc(services, node)


def is_not_left_on_by_a_service(
    _services: Services, node: Node, _request: ProvisionRequest
) -> None:
    """Refuse to give up a failed service whose machine a person has to look at first."""
    if node.provision_state == State.SERVICE_FAILED and node.maintenance:
        raise Conflict(
            f"node {node.uuid} is in maintenance ({node.maintenance_reason or 'no reason given'}); look at the "
            "machine and end the maintenance before the service is aborted"
        )


def _check_children(services: Services, node: Node, wishes: Sequence[Wish]) -> None:
    """Refuse steps for child nodes that one of them could not begin now."""
    wanted = [wish for wish in wishes if wish.execute_on_child_nodes]
    if not wanted:
        return
    with services.store.read() as session:
        children = children_of(session, node)
    named = {uuid for wish in wanted for uuid in wish.limit_child_node_execution or ()}
    is_for_all = any(not wish.limit_child_node_execution for wish in wanted)
    concerned = [child for child in children if is_for_all or child.uuid in named]
    found = [why for child in concerned if (why := obstacle(services, child))]
    if found:
        raise Conflict(
            f"node {node.uuid}: {'; '.join(found)}; mend that, or name the others in limit_child_node_execution"
        )


_FIRMWARE_STEPS = frozenset({"bios.apply_configuration", "bios.factory_reset", "firmware.update"})
"""Ironic's names for what these interfaces do; nobody else does it where the interface does not."""


def _refuse_unsupported(
    node: Node, interfaces: Interfaces, wishes: Sequence[Wish], offered: Sequence[StepSpec]
) -> None:
    """Refuse steps of firmware that the node's interface cannot carry out, unless its agent offers them."""
    known = {step.id for step in offered}
    for wish in wishes:
        if wish.id not in _FIRMWARE_STEPS or wish.id in known or wish.execute_on_child_nodes:
            continue
        if not interfaces.supports(wish.interface):
            name = interfaces.names[wish.interface]
            raise Invalid(
                f"node {node.uuid} has {wish.interface}_interface {name}, which does not support {wish.step}; leave the step"
                " out, or choose another interface"
            )


@contextmanager
def _named(templates: Sequence[str]) -> Iterator[None]:
    """Say with a mistake from which deploy templates the steps are."""
    try:
        yield
    except Invalid as error:
        raise Invalid(f"deploy templates {', '.join(templates)}: {error}") from error


def possible_steps(kind: Kind) -> Check:
    """Return the check that refuses steps that are known to be impossible, before the machine is touched."""

    def check(services: Services, node: Node, order: Order) -> None:
        settings = services.settings
        wishes = read_wishes(kind, order.steps(kind))
        of_bmc = bmc_offer(bmc_steps(services, node), kind)
        offers = (*of_bmc, *remembered_offer(node, settings, kind))
        interfaces = interfaces_of(services, node)
        uses_agent = kind in interfaces.deploy.agent_in
        _refuse_unsupported(node, interfaces, wishes, offers)
        is_off = bool(order.disable_ramdisk) or not uses_agent
        rules = rules_of(settings, kind, core_steps_of(services, node))
        if is_off:
            offers = tuple(step for step in of_bmc if not step.requires_ramdisk)
        of_templates = read_wishes(kind, order.template_steps)
        with _named(order.templates):
            check_wishes(kind, merged(offers), of_templates, rules, agent_is_known=is_off)
        check_wishes(kind, merged(offers), wishes, rules, agent_is_known=is_off)
        if kind is not Kind.DEPLOY and not is_off and needs_ramdisk(kind, of_bmc, wishes):
            require_ramdisk(services, node)
        _check_children(services, node, wishes)
        if node.disable_power_off and any(wish.step == "power_off" for wish in wishes):
            raise Conflict(
                f"node {node.uuid} has disable_power_off and is not switched off; leave the step power_off out, or clear "
                "disable_power_off first"
            )

    return check
