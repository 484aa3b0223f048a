"""Questions about a node that are answered at once: is it complete, what does its BMC say."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from controller.errors import ControllerError, Invalid
from controller.hardware.bmc import BootDevice
from controller.hardware.interface import INTERFACE_KINDS, Facts, Interfaces
from controller.hardware.steps import Kind
from controller.store.nodes import get_node
from controller.store.tables import Node, Port
from controller.workflow.locks import held_node
from controller.workflow.machine import boot_mode_of, interfaces_of, management_of
from controller.workflow.networks.move import check as check_networks
from controller.workflow.networks.move import connects
from controller.workflow.networks.plan import Moment
from controller.workflow.registered_images import give_image
from controller.workflow.services import Services
from controller.workflow.stored_steps import with_stored_steps
from controller.workflow.verb_checks import possible_steps
from controller.workflow.verb_request import ProvisionRequest

_NETWORKS = (Moment.PROVISIONING, Moment.CLEANING, Moment.TENANT)
"""What every node needs, as its ``network`` in a validation tells."""


def validate(services: Services, ident: str) -> dict[str, dict[str, Any]]:
    """Return for each interface kind ``{"result": bool | None, "reason": str}``; ``None`` = it has no vendor methods.

    Raises:
        NotFound: There is no such node.
    """
    with services.store.read() as session:
        node = get_node(session, ident)
        query = select(Port.id).where(Port.node_id == node.id, Port.pxe_enabled)
        has_port = session.scalar(query.limit(1)) is not None
        before = {"deploy": partial(give_image, services, session, node, is_order=False)}
        more = {
            "deploy": partial(_check_templates, services, session, node),
            "inspect": partial(_check_networks, services, session, node, Moment.INSPECTION),
            "network": partial(_check_networks, services, session, node, *_NETWORKS),
            "rescue": partial(_check_networks, services, session, node, Moment.RESCUING),
        }
        return _answers(services, node, has_port, before, more)


def _answers(
    services: Services,
    node: Node,
    has_port: bool,
    before: Mapping[str, Callable[[], None]],
    more: Mapping[str, Callable[[], None]],
) -> dict[str, dict[str, Any]]:
    try:
        interfaces = interfaces_of(services, node)
    except Invalid as error:
        return {kind: {"result": False, "reason": str(error)} for kind in INTERFACE_KINDS}
    facts = Facts(
        node=node, settings=services.settings, interfaces=interfaces, has_boot_port=has_port
    )
    return {
        kind: _answer(interfaces, kind, facts, before.get(kind), more.get(kind))
        for kind in INTERFACE_KINDS
    }


def _check_networks(services: Services, session: Session, node: Node, *moments: Moment) -> None:
    """Check that the node's ports could be moved to these networks, if it has any need of that.

    Raises:
        Invalid: They could not.
        Conflict: A place on a switch is another node's.
    """
    for moment in moments if connects(services, node) else ():
        check_networks(services, session, node, moment)


def _check_templates(services: Services, session: Session, node: Node) -> None:
    """Check the deploy steps that the traits of the node's instance choose, as the verb would.

    Raises:
        Invalid: One cannot be carried out.
    """
    request = ProvisionRequest(target="active")
    order = with_stored_steps(session, node, request, Kind.DEPLOY)
    if order.templates:
        possible_steps(Kind.DEPLOY)(services, node, order)


def boot_device(services: Services, ident: str) -> dict[str, Any]:
    """Return ``{"boot_device": .., "persistent": ..}`` as the BMC says; ``None`` = it does not say."""
    node = _read(services, ident)
    override = management_of(services, node).boot_device(timeout_s=services.settings.bmc_timeout_s)
    return {"boot_device": override.device, "persistent": override.is_persistent}


def set_boot_device(services: Services, ident: str, device: str, persistent: bool) -> None:
    """Set the boot device override of the node's BMC.

    Raises:
        NotFound: There is no such node.
        Invalid: No such boot device.
        NodeLocked: Something goes on with the node, which sets the device itself.
    """
    if device not in set(BootDevice):
        raise Invalid(f"boot device {device!r} is unknown; possible: {', '.join(BootDevice)}")
    with held_node(services, ident, "management.call") as node:
        management_of(services, node).set_boot_device(
            BootDevice(device),
            mode=boot_mode_of(node, services.settings),
            persistent=persistent,
            timeout_s=services.settings.bmc_timeout_s,
        )


def supported_boot_devices(services: Services, ident: str) -> list[str]:
    """Return the boot devices that can be set on the node."""
    _read(services, ident)
    return [str(device) for device in BootDevice]


def _read(services: Services, ident: str) -> Node:
    with services.store.read() as session:
        return get_node(session, ident)


def _unsupported(interfaces: Interfaces, kind: str, driver: str) -> dict[str, Any]:
    """Return the answer for what the node cannot do; Ironic leaves out ``vendor`` alone, which nothing asks for."""
    reason = f"Driver {driver} does not support {kind} here: the node's {kind}_interface is {interfaces.names[kind]}"
    return {"result": None if kind == "vendor" else False, "reason": reason}


def _answer(
    interfaces: Interfaces,
    kind: str,
    facts: Facts,
    check_before: Callable[[], None] | None,
    check_more: Callable[[], None] | None,
) -> dict[str, Any]:
    if not interfaces.supports(kind):
        return _unsupported(interfaces, kind, facts.node.driver)
    try:
        if check_before is not None:
            check_before()
        interfaces.of(kind).validate(facts)
        if check_more is not None:
            check_more()
    except ControllerError as error:
        return {"result": False, "reason": str(error)}
    return {"result": True}
