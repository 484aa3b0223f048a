"""Deploy interfaces: the core steps of each, what is checked before the machine is touched, and what the agent's core steps are told.

Source of the names and priorities: Ironic's ``direct`` and ``bootc``.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.protocol import bootc
from agent.protocol.refusal import Refusal
from controller.errors import Invalid
from controller.hardware.interface import Facts
from controller.hardware.steps import StepSpec
from controller.images.refusals import invalid
from controller.images.source import check_servers
from controller.settings import Settings
from controller.store.tables import Node
from controller.workflow.node_image import check_image, image_for_agent
from controller.workflow.node_rules import check_boot_mode, check_drive, check_hints, check_traits
from controller.workflow.steps.planner import BOOTC_DEPLOY_STEPS, DIRECT_DEPLOY_STEPS

Arguments = Callable[[Node, Settings], Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentDeploy:
    """The agent gets a system onto the machine; see :class:`controller.hardware.interface.DeployInterface`."""

    core_steps: tuple[StepSpec, ...]
    check_source: Callable[[Node, Settings], object]
    """Raises ``Invalid`` for what the agent would refuse of the instance's source; asks nobody."""
    ask_servers: Callable[[Node, Settings], tuple[str, ...]]
    arguments: Mapping[str, Arguments]
    properties: Mapping[str, str] = field(default_factory=dict)
    uses_agent: bool = True

    def validate(self, facts: Facts) -> None:
        """See :class:`controller.hardware.interface.Interface`; the config drive is unpacked, up to 64 MiB."""
        self.check(facts.node, facts.settings)
        check_drive(facts.node)

    def check(self, node: Node, settings: Settings) -> None:
        """See :class:`controller.hardware.interface.DeployInterface`."""
        check_traits(node)
        check_hints(node)
        check_boot_mode(node, settings)
        self.check_source(node, settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeDeploy:
    """Nothing is written."""

    core_steps: tuple[StepSpec, ...] = ()
    arguments: Mapping[str, Arguments] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    uses_agent: bool = False

    def validate(self, facts: Facts) -> None:
        """See :class:`controller.hardware.interface.Interface`."""
        self.check(facts.node, facts.settings)

    def check(self, node: Node, _settings: Settings) -> None:
        """Check the traits, as Ironic does whatever the deploy interface."""
        check_traits(node)

    def ask_servers(self, _node: Node, _settings: Settings) -> tuple[str, ...]:
        """Ask nobody."""
        return ()


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


DIRECT = AgentDeploy(
    core_steps=DIRECT_DEPLOY_STEPS,
    check_source=check_image,
    ask_servers=_ask_image_servers,
    arguments={"write_image": _image_arguments},
)
BOOTC = AgentDeploy(
    core_steps=BOOTC_DEPLOY_STEPS,
    check_source=_check_container,
    ask_servers=lambda _node, _settings: (),  # registries are the agent's affair
    arguments={bootc.STEP: _container_arguments},
)
FAKE = FakeDeploy()
