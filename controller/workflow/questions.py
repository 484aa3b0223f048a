"""Questions about a node that are answered at once: is it complete, what does its BMC say."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import select

from controller.bmc.hardware_types import INTERFACE_KINDS
from controller.bmc.interface import BootDevice
from controller.errors import ControllerError, Invalid
from controller.store.nodes import get_node
from controller.store.tables import Node, Port
from controller.workflow.locks import held_node
from controller.workflow.machine import bmc_of, boot_mode_of, driver_of, is_fake
from controller.workflow.node_rules import check_boot, check_deployment, check_drive
from controller.workflow.services import Services

_Check = Callable[[Services, Node, bool], None]


def validate(services: Services, ident: str) -> dict[str, dict[str, Any]]:
    """Return for each interface kind ``{"result": bool | None, "reason": str}``; ``None`` = not supported.

    Raises:
        NotFound: There is no such node.
    """
    with services.store.read() as session:
        node = get_node(session, ident)
        query = select(Port.id).where(Port.node_id == node.id, Port.pxe_enabled)
        has_port = session.scalar(query.limit(1)) is not None
    return {kind: _answer(services, node, kind, has_port) for kind in INTERFACE_KINDS}


def boot_device(services: Services, ident: str) -> dict[str, Any]:
    """Return ``{"boot_device": .., "persistent": ..}`` as the BMC says; ``None`` = it does not say."""
    node = _read(services, ident)
    override = bmc_of(services, node).boot_device(timeout_s=services.settings.bmc_timeout_s)
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
        bmc_of(services, node).set_boot_device(
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


def _answer(services: Services, node: Node, kind: str, has_port: bool) -> dict[str, Any]:
    hardware_type = services.hardware_types.get(node.driver)
    name = node.interfaces.get(kind) or (hardware_type and hardware_type.default_interface(kind))
    if str(name).startswith("no-"):
        return {"result": None, "reason": "not supported"}
    try:
        if kind in _CHECKS:
            _CHECKS[kind](services, node, has_port)
    except ControllerError as error:
        return {"result": False, "reason": str(error)}
    return {"result": True}


def _check_bmc(services: Services, node: Node, _has_port: bool) -> None:
    driver_of(services, node).validate(dict(node.driver_info))


def _check_boot(services: Services, node: Node, has_port: bool) -> None:
    check_boot(node, services.settings)
    if not has_port and not is_fake(node, "boot"):
        raise Invalid(
            f"node {node.uuid} has no port with pxe_enabled; create one with the MAC address that it "
            "boots from"
        )


def _check_deploy(services: Services, node: Node, _has_port: bool) -> None:
    check_deployment(node, services.settings)
    check_drive(node)


def _check_rescue(services: Services, node: Node, _has_port: bool) -> None:
    if not is_fake(node, "rescue"):
        check_boot(node, services.settings, is_rescue=True)


_CHECKS: Mapping[str, _Check] = {
    "power": _check_bmc,
    "management": _check_bmc,
    "boot": _check_boot,
    "deploy": _check_deploy,
    "rescue": _check_rescue,
}
