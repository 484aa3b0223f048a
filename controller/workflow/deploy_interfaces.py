"""Deploy interfaces as data: the core steps of each, what is checked before the machine is touched, and what the agent's core steps are told.

Source of the names and priorities: Ironic's ``direct`` and ``bootc``. A node whose interface is ``fake`` has none of these.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.protocol import bootc
from agent.protocol.refusal import Refusal
from controller.errors import Invalid
from controller.images.refusals import invalid
from controller.images.source import check_servers
from controller.settings import Settings
from controller.store.tables import Node
from controller.workflow.machine import is_fake
from controller.workflow.node_image import check_image, image_for_agent
from controller.workflow.steps.planner import BOOTC_DEPLOY_STEPS, DIRECT_DEPLOY_STEPS
from controller.workflow.steps.spec import StepSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployInterface:
    """One way to get a system onto a machine."""

    core_steps: tuple[StepSpec, ...]
    check: Callable[[Node, Settings], object]
    """Raises ``Invalid`` for what the agent would refuse; asks nobody."""
    ask_servers: Callable[[Node, Settings], tuple[str, ...]]
    """Asks those who have the image; returns warnings, raises ``Invalid``."""
    arguments: Mapping[str, Callable[[Node, Settings], Mapping[str, Any]]]
    """What the agent's core steps are told, by step."""


def deploy_interface_of(node: Node) -> DeployInterface:
    """Return the deploy interface of a node whose is not ``fake``; one that never chose has ``direct``.

    Raises:
        Invalid: It is unknown.
    """
    name = node.interfaces.get("deploy") or _DEFAULT
    try:
        return DEPLOY_INTERFACES[name]
    except KeyError:
        known = ", ".join(DEPLOY_INTERFACES)
        raise Invalid(f"deploy_interface {name!r} is not served; choose one of: {known}") from None


def core_steps_of(node: Node) -> tuple[StepSpec, ...]:
    """Return the steps that every deployment of the node has; none with the interface ``fake``.

    Raises:
        Invalid: The interface is unknown.
    """
    return () if is_fake(node, "deploy") else deploy_interface_of(node).core_steps


def _ask_image_servers(node: Node, settings: Settings) -> tuple[str, ...]:
    return check_servers(
        check_image(node, settings),
        allow_md5=settings.allow_md5_images,
        timeout_s=settings.image_check_timeout_s,
    )


def _image_arguments(node: Node, settings: Settings) -> Mapping[str, Any]:
    return {"image_info": image_for_agent(node, settings), "configdrive": node.config_drive}


def _check_container(node: Node, _settings: Settings) -> bootc.BootcOrder:
    info = node.instance_info
    if not info.get("image_source"):
        raise Invalid(
            "instance_info.image_source is missing; set e.g. image_source=oci://registry/name:tag"
        )
    secret = info.get("image_pull_secret")
    try:
        return bootc.read_order(
            info["image_source"],
            info,
            secret=None if secret is None else str(secret),
            configdrive=node.config_drive,
        )
    except Refusal as error:
        raise invalid(error) from error


def _container_arguments(node: Node, settings: Settings) -> Mapping[str, Any]:
    """Return the arguments of Ironic's conductor, all of which its agent wants: the login as ``user:password`` in base64, and that packed again."""
    order = _check_container(node, settings)
    packed = None if order.login is None else base64.b64encode(order.login.packed.encode()).decode()
    return {
        "image_source": order.source,
        "configdrive": order.configdrive,
        "oci_pull_secret": packed,
    }


_DEFAULT = "direct"
DEPLOY_INTERFACES: Mapping[str, DeployInterface] = {
    "direct": DeployInterface(
        core_steps=DIRECT_DEPLOY_STEPS,
        check=check_image,
        ask_servers=_ask_image_servers,
        arguments={"write_image": _image_arguments},
    ),
    "bootc": DeployInterface(
        core_steps=BOOTC_DEPLOY_STEPS,
        check=_check_container,
        ask_servers=lambda _node, _settings: (),  # registries are the agent's affair
        arguments={bootc.STEP: _container_arguments},
    ),
}
