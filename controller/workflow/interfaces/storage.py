"""Storage interfaces: whether an instance is on a disk of the machine, or on volumes of the network.

Source: Ironic's ``noop`` and ``external``. Volumes are made and attached by others; the node's volume targets name them.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from controller.boot.iscsi import iscsi_volumes
from controller.errors import Invalid
from controller.hardware.boot_target import BootTarget
from controller.hardware.interface import DeployInterface, Facts, accept
from controller.hardware.steps import Kind, StepSpec
from controller.settings import Settings
from controller.store.tables import Node
from controller.store.volumes import Volumes
from controller.workflow.node_rules import check_boot_mode, check_traits, require_bootable
from controller.workflow.steps.core_steps import RAMDISK_DEPLOY_STEPS


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeDeploy:
    """The machine boots an iSCSI volume at every start; nothing is written. See :class:`controller.hardware.interface.DeployInterface`."""

    volumes: Volumes
    agent_in: Collection[Kind]
    core_steps: tuple[StepSpec, ...] = RAMDISK_DEPLOY_STEPS
    arguments: Mapping[str, Callable[[Node, Settings], Mapping[str, Any]]] = field(
        default_factory=dict
    )
    properties: Mapping[str, str] = field(default_factory=dict)

    def target(self, _node: Node) -> BootTarget:
        """Boot the volume."""
        return BootTarget.VOLUME

    def fits(self, _node: Node) -> bool:
        """Say yes: the volume is there."""
        return True

    def validate(self, facts: Facts) -> None:
        """See :class:`controller.hardware.interface.Interface`."""
        require_bootable(facts.node, facts.interfaces)
        self.check(facts.node, facts.settings)

    def check(self, node: Node, settings: Settings) -> None:
        """Refuse volumes that iPXE could not reach."""
        check_traits(node)
        check_boot_mode(node, settings)
        iscsi_volumes(self.volumes)

    def ask_servers(self, node: Node, _settings: Settings) -> tuple[str, ...]:
        """Ask nobody; warn of what this cannot do."""
        if node.config_drive is None:
            return ()
        return ("the instance has a config drive, which a volume does not get; it is ignored",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """A storage interface; see :class:`controller.hardware.interface.StorageInterface`."""

    boots_volumes: bool
    properties: Mapping[str, str] = field(default_factory=dict)
    validate: Callable[[Facts], None] = accept

    def deploying(self, deploy: DeployInterface, volumes: Volumes) -> DeployInterface:
        """Have the machine boot the volume with ``boot_index`` 0, where an agent would have written an image."""
        if volumes.boot is None or Kind.DEPLOY not in deploy.agent_in:
            return deploy
        left = tuple(kind for kind in deploy.agent_in if kind is not Kind.DEPLOY)
        made: Any = VolumeDeploy(
            volumes=volumes, agent_in=left
        )  # frozen, which protocols cannot say
        return cast("DeployInterface", made)


def _require_reachable(facts: Facts) -> None:
    """Refuse a boot volume that the node's boot interface does not boot."""
    if facts.interfaces.deploy.target(facts.node) is not BootTarget.VOLUME:
        return
    if not facts.interfaces.boot.boots_instances:
        raise Invalid(
            f"to boot an iSCSI volume the boot_interface must be ipxe, not {facts.interfaces.names['boot']}"
        )


NOOP = Storage(boots_volumes=False)
EXTERNAL = Storage(boots_volumes=True, validate=_require_reachable)
