"""The doors of one node's machine: its BMC and the agent that runs on it, found from the node's row."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from controller.agent_client.client import AgentClient
from controller.agent_client.listens import listens
from controller.boot.machines import BOOT_ASKER
from controller.boot.node_media import HAS_TOKEN
from controller.errors import AgentRefused, AgentUnreachable
from controller.hardware.bmc import BootMode, ManagementControl, PowerControl, PoweredNode
from controller.hardware.interface import ChoosesDeploy, ConnectsNodes, Facts, Interfaces
from controller.hardware.steps import StepSpec
from controller.settings import Settings
from controller.store.tables import Node, Port
from controller.store.volumes import volumes_of
from controller.workflow.node_secrets import secrets_of
from controller.workflow.services import Services
from controller.workflow.timed_bmc import timed

HEARD_AT = "agent_heard_at"
"""Key of ``driver_internal_info``: when the last heartbeat came, by the steady clock."""
ENDED_AT = "agent_ended_at"
"""Key of ``driver_internal_info``: when the agent said that it starts another system in its place, by the steady clock."""
KEPT = "agent_kept_as"
"""Key of ``driver_internal_info``: the ramdisk was left running after its workflow (``workflow/fast_track.py``)."""
AGENT_KEYS = (
    "agent_url",
    "agent_version",
    "agent_last_heartbeat",
    "agent_verify_ca",
    "agent_restarted_at",
    "agent_locked_out_at",
    "agent_token_for",
    HEARD_AT,
    ENDED_AT,
    KEPT,
    BOOT_ASKER,
    HAS_TOKEN,
)
"""Keys of ``driver_internal_info`` that belong to one boot of the ramdisk."""

SYSTEM_IS_DOWN = "system_is_down"
"""Key of ``driver_internal_info``: a service ended the machine's own system, and neither boots the ramdisk nor has booted it again.

``boot_target`` does not tell: it changes between a power-off and the power-on.
"""


def forget_agent() -> dict[str, None]:
    """Return the changes of ``driver_internal_info`` that forget the agent of the last boot."""
    return dict.fromkeys(AGENT_KEYS)


def interfaces_of(services: Services, node: Node) -> Interfaces:
    """Return what the node has of every kind; of an interface that leaves its work to another one, that one.

    Raises:
        Invalid: Its hardware type is not served, or has no such interface (any more).
    """
    found = services.catalog.interfaces_of(node.driver, node.interfaces)
    if isinstance(found.deploy, ChoosesDeploy):
        possible = services.catalog.all_of(node.driver, "deploy")
        found = replace(found, deploy=found.deploy.choose(node, services.settings, possible))
    if not found.storage.boots_volumes or node.instance_info.get("image_source"):
        return found
    with services.store.read() as session:
        volumes = volumes_of(session, node.id)
    return replace(found, deploy=found.storage.deploying(found.deploy, volumes))


def power_of(services: Services, node: Node) -> PowerControl:
    """Return the connection that switches the machine; opens nothing yet.

    Raises:
        Invalid: ``driver_info`` lacks something, or the driver is unknown.
    """
    found: PowerControl = connection_of(services, interfaces_of(services, node), "power", node)
    return found


def management_of(services: Services, node: Node) -> ManagementControl:
    """Return the connection that says what the machine boots from; opens nothing yet.

    Raises:
        Invalid: As :func:`power_of`.
    """
    interfaces = interfaces_of(services, node)
    found: ManagementControl = connection_of(services, interfaces, "management", node)
    return found


def connection_of(services: Services, interfaces: Interfaces, kind: str, node: Node) -> Any:
    """Return the connection of the node's interface of this kind, whose calls are counted; opens nothing yet.

    Raises:
        Invalid: ``driver_info`` lacks something.
    """
    part: Any = interfaces.of(kind)
    connection = (
        part.connect_node(powered_node(services, node))
        if isinstance(part, ConnectsNodes)
        else part.connect(dict(node.driver_info))
    )
    return timed(connection, interfaces.names[kind], services.measures)


def core_steps_of(services: Services, node: Node) -> tuple[StepSpec, ...]:
    """Return the steps that every deployment of the node has.

    Raises:
        Invalid: As :func:`interfaces_of`.
    """
    return interfaces_of(services, node).deploy.core_steps


def powered_node(services: Services, node: Node) -> PoweredNode:
    """Return what those have to know of a node who switch machines without a BMC."""
    with services.store.read() as session:
        query = select(Port.address).where(Port.node_id == node.id).order_by(Port.address)
        macs = tuple(session.scalars(query))
    info = node.driver_internal_info
    is_there = info.get("agent_url") and node.agent_secret and not info.get(ENDED_AT)
    return PoweredNode(
        uuid=node.uuid,
        label=node.name or node.uuid,
        driver_info=dict(node.driver_info),
        macs=macs,
        power_state=node.power_state,
        agent=_AgentOfBoot(services, node) if is_there else None,
    )


class _AgentOfBoot:
    """The agent of the machine's last start; see ``AgentControl``."""

    def __init__(self, services: Services, node: Node) -> None:
        self._services = services
        self._node = node

    def answers(self, *, timeout_s: float) -> bool:
        return listens(str(self._node.driver_internal_info["agent_url"]), timeout_s)

    def power_off(self, *, timeout_s: float) -> bool:
        return self._order("standby.power_off", timeout_s)

    def restart(self, *, timeout_s: float) -> bool:
        return self._order("standby.run_image", timeout_s)

    def _order(self, command: str, timeout_s: float) -> bool:
        try:
            agent_of(self._services, self._node, timeout_s=timeout_s).execute(command, {})
        except (AgentRefused, AgentUnreachable):
            return False
        return True


def check_bmc(services: Services, node: Node) -> None:
    """Check that ``driver_info`` has what power and management need; nobody is asked.

    Raises:
        Invalid: Names what is missing or malformed.
    """
    interfaces = interfaces_of(services, node)
    facts = Facts(node=node, settings=services.settings, interfaces=interfaces)
    interfaces.power.validate(facts)
    if interfaces.of("management") is not interfaces.of("power"):
        interfaces.management.validate(facts)


def require_ramdisk(services: Services, node: Node, *, is_rescue: bool = False) -> None:
    """Check that the node's boot interface has a ramdisk to boot.

    Raises:
        Invalid: There is none that can be read.
    """
    boot = interfaces_of(services, node).boot
    boot.require_files(node, services.settings, is_rescue=is_rescue)


def boot_mode_of(node: Node, settings: Settings) -> BootMode:
    """Return the firmware mode: of the instance's or the node's capabilities, or the default."""
    for source in (node.instance_info, node.properties):
        mode = capabilities(source.get("capabilities")).get("boot_mode")
        if mode in set(BootMode):
            return BootMode(mode)
    return BootMode(settings.default_boot_mode)


def capabilities(value: Any) -> Mapping[str, str]:
    """Read Ironic's ``capabilities``: a dictionary, one as JSON text, or ``"boot_mode:uefi,secure_boot:true"``."""
    if isinstance(value, Mapping):
        return {str(key): str(item) for key, item in value.items()}
    if not isinstance(value, str):
        return {}
    if value.lstrip().startswith("{"):  # Nova sends an object as text
        return capabilities(_object_in(value))
    pairs = (item.partition(":") for item in value.split(","))
    return {key.strip(): item.strip() for key, colon, item in pairs if colon}


def with_capabilities(old: Mapping[str, str], found: Mapping[str, str]) -> str:
    """Return ``properties.capabilities`` as Ironic writes it, what was found in the place of what stood there."""
    return ",".join(f"{key}:{value}" for key, value in {**old, **found}.items())


def _object_in(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def agent_of(services: Services, node: Node, *, timeout_s: float | None = None) -> AgentClient:
    """Return a client for the node's agent; ``timeout_s`` = another limit of its calls than the setting.

    Raises:
        AgentRefused: No agent has called back since the machine was powered on.
    """
    info = node.driver_internal_info
    url, token = info.get("agent_url"), node.agent_secret
    if not url or not token:
        raise AgentRefused(f"{node.name or node.uuid}: no agent has called back since power-on")
    if timeout_s is None:
        timeout_s = services.settings.agent_request_timeout_s
    verify_ca = info.get("agent_verify_ca")
    return services.agents.client(
        url, token, verify_ca=verify_ca, timeout_s=timeout_s, secrets=secrets_of(node)
    )
