"""What a client can ask of a node: checked against the state table, stored, done by the engine."""

from typing import Any

import msgspec

from controller.workflow.services import Services


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
        NodeLocked: A worker is at the node.
    """
    raise NotImplementedError


def set_power(services: Services, ident: str, target: str, timeout_s: float | None) -> None:
    """Start a power action; ``target`` is one of ``PowerAction``.

    Raises:
        Invalid: An unknown target, or the node's state does not allow it.
    """
    raise NotImplementedError


def validate(services: Services, ident: str) -> dict[str, dict[str, Any]]:
    """Return for each interface kind ``{"result": bool | None, "reason": str}``."""
    raise NotImplementedError


def boot_device(services: Services, ident: str) -> dict[str, Any]:
    """Return ``{"boot_device": .., "persistent": ..}`` as the BMC says."""
    raise NotImplementedError


def set_boot_device(services: Services, ident: str, device: str, persistent: bool) -> None:
    """Set the boot device override of the node's BMC."""
    raise NotImplementedError


def supported_boot_devices(services: Services, ident: str) -> list[str]:
    """Return the boot devices that can be set on the node."""
    raise NotImplementedError
