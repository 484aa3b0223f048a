"""Deploy interfaces: the core steps of each, what is checked before the machine is touched, and what the agent's core steps are told.

Source of the names and priorities: Ironic's ``direct``, ``bootc``, ``custom-agent``. What needs no agent: ``without_agent.py``.
"""

import base64
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from agent.protocol import bootc
from agent.protocol.refusal import Refusal
from controller.errors import Invalid
from controller.hardware.boot_target import BootTarget
from controller.hardware.interface import Facts
from controller.hardware.steps import Kind, StepSpec
from controller.images.lun_writer import LIBRARY, is_library_installed
from controller.images.partitions import is_partition_image
from controller.images.refusals import invalid
from controller.images.source import check_servers
from controller.settings import Settings
from controller.store.tables import Node
from controller.workflow.node_image import check_image, image_for_agent
from controller.workflow.node_rules import check_boot_mode, check_drive, check_hints, check_traits
from controller.workflow.steps.core_steps import (
    BOOTC_DEPLOY_STEPS,
    CUSTOM_DEPLOY_STEPS,
    DIRECT_DEPLOY_STEPS,
    ISCSI_DEPLOY_STEPS,
)

Arguments = Callable[[Node, Settings], Mapping[str, Any]]


def _fits_any(_node: Node) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentDeploy:
    """The agent gets a system onto the machine; see :class:`controller.hardware.interface.DeployInterface`."""

    core_steps: tuple[StepSpec, ...]
    check_source: Callable[[Node, Settings], object]
    """Raises ``Invalid`` for what the agent would refuse of the instance's source; asks nobody."""
    ask_servers: Callable[[Node, Settings], tuple[str, ...]]
    arguments: Mapping[str, Arguments]
    properties: Mapping[str, str] = field(default_factory=dict)
    agent_in: Collection[Kind] = tuple(Kind)
    fits: Callable[[Node], bool] = _fits_any

    def target(self, _node: Node) -> BootTarget:
        """Boot the disk."""
        return BootTarget.DISK

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
    agent_in: Collection[Kind] = ()
    fits: Callable[[Node], bool] = _fits_any

    def target(self, _node: Node) -> BootTarget:
        """Boot the disk."""
        return BootTarget.DISK

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


def _check_written_here(node: Node, settings: Settings) -> None:
    """Check an image that this controller writes itself."""
    image = check_image(node, settings)
    for url in image.urls:
        if url.lower().startswith("file:"):
            _check_own_file(url, settings.image_directory)
    if is_partition_image(node.instance_info):
        raise Invalid(
            "the deploy interface iscsi writes images of whole disks; this one is of a partition (image_type, or kernel and ramdisk):"
            " choose the deploy interface direct"
        )
    if not is_library_installed():
        raise Invalid(
            f"the deploy interface iscsi needs {LIBRARY} on the controller's machine; install the package libiscsi7"
        )


def _check_own_file(url: str, folder: str) -> None:
    """Refuse a file that is not in the folder whose files everybody may have; whether it is there is seen when it is read."""
    path = os.path.normpath(unquote(urlsplit(url).path))
    if not folder or not Path(path).is_relative_to(folder):
        raise Invalid(
            f"image_source is {url[:200]!r}: with the deploy interface iscsi that is a file of the controller's machine, and must be"
            f" below image_directory ({folder or 'which is not set'})"
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


def _is_container(node: Node) -> bool:
    """Say whether the image is meant to be a bootable container; artifacts that are disks have a format or a checksum.

    Ironic asks the registry; this asks nobody.
    """
    info = node.instance_info
    source = str(info.get("image_source") or "")
    return source.startswith(_REGISTRIES) and not any(info.get(key) for key in _OF_DISKS)


_REGISTRIES = ("oci://", "docker://")
_OF_DISKS = ("image_disk_format", "image_checksum", "image_os_hash_value")

DIRECT = AgentDeploy(
    core_steps=DIRECT_DEPLOY_STEPS,
    check_source=check_image,
    ask_servers=_ask_image_servers,
    arguments={"write_image": _image_arguments},
)
ISCSI = AgentDeploy(
    core_steps=ISCSI_DEPLOY_STEPS,
    check_source=_check_written_here,
    ask_servers=_ask_image_servers,
    arguments={},
)
BOOTC = AgentDeploy(
    core_steps=BOOTC_DEPLOY_STEPS,
    check_source=_check_container,
    ask_servers=lambda _node, _settings: (),  # registries are the agent's affair
    arguments={bootc.STEP: _container_arguments},
    fits=_is_container,
)
CUSTOM_AGENT = AgentDeploy(
    core_steps=CUSTOM_DEPLOY_STEPS,
    check_source=lambda _node, _settings: None,  # what is deployed is the agent's affair
    ask_servers=lambda _node, _settings: (),
    arguments={},
)
FAKE = FakeDeploy()
