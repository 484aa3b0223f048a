"""Deploy interfaces that have no agent in a deployment: a system from the network, one chosen by what is to be deployed.

Sources: Ironic's ``ramdisk`` and ``autodetect``.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.boot.files import find_instance_file
from controller.errors import Invalid
from controller.hardware.boot_target import BootTarget
from controller.hardware.interface import DeployInterface, Facts
from controller.hardware.steps import Kind, StepSpec
from controller.settings import Settings
from controller.store.tables import Node
from controller.workflow.node_rules import check_boot_mode, check_traits, require_bootable
from controller.workflow.steps.core_steps import RAMDISK_DEPLOY_STEPS

_ISO = "boot_iso"


@dataclass(frozen=True, slots=True, kw_only=True)
class RamdiskDeploy:
    """The instance is a kernel and a ramdisk, or a live ISO image, that the machine boots from the network at every start.

    Nothing is written to a disk. See :class:`controller.hardware.interface.DeployInterface`; cleaning and service have the agent.
    """

    core_steps: tuple[StepSpec, ...] = RAMDISK_DEPLOY_STEPS
    arguments: Mapping[str, Callable[[Node, Settings], Mapping[str, Any]]] = field(
        default_factory=dict
    )
    properties: Mapping[str, str] = field(default_factory=dict)
    agent_in: Collection[Kind] = (Kind.CLEAN, Kind.SERVICE)

    def target(self, node: Node) -> BootTarget:
        """Boot the ISO image if there is one."""
        is_iso = bool(node.instance_info.get(_ISO))
        return BootTarget.INSTANCE_ISO if is_iso else BootTarget.INSTANCE_RAMDISK

    def fits(self, node: Node) -> bool:
        """Say whether it is asked for: ``ironic_ramdisk_deploy`` beside what is to be booted."""
        info = node.instance_info
        has_files = bool(info.get(_ISO) or (info.get("kernel") and info.get("ramdisk")))
        return has_files and bool(info.get("ironic_ramdisk_deploy"))

    def validate(self, facts: Facts) -> None:
        """See :class:`controller.hardware.interface.Interface`."""
        require_bootable(facts.node, facts.interfaces)
        self.check(facts.node, facts.settings)

    def check(self, node: Node, settings: Settings) -> None:
        """Refuse an instance that lacks what is to be booted, or has two kinds of it."""
        check_traits(node)
        check_boot_mode(node, settings)
        info = node.instance_info
        if not info.get(_ISO):
            for kind in ("kernel", "ramdisk"):
                find_instance_file(kind, info, settings)
            return
        if info.get("image_source"):
            raise Invalid(
                "instance_info has image_source and boot_iso; which is meant? remove the other"
            )
        find_instance_file(_ISO, info, settings)

    def ask_servers(self, node: Node, _settings: Settings) -> tuple[str, ...]:
        """Ask nobody; warn of what this cannot do."""
        if node.config_drive is None:
            return ()
        return (
            "the instance has a config drive, which a system from the network does not get; it is ignored",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AutodetectDeploy:
    """Leaves the work to the first interface of the setting ``autodetect_deploy_interfaces`` that fits, else to the last one."""

    properties: Mapping[str, str] = field(default_factory=dict)

    def validate(self, facts: Facts) -> None:
        """See :class:`controller.hardware.interface.Interface`; nobody gets here, as :meth:`choose` comes first."""
        facts.interfaces.deploy.validate(facts)

    def choose(
        self, node: Node, settings: Settings, possible: Mapping[str, DeployInterface]
    ) -> DeployInterface:
        """See :class:`controller.hardware.interface.ChoosesDeploy`.

        Raises:
            Invalid: The hardware type has none of them.
        """
        names = settings.listed("autodetect_deploy_interfaces")
        found = [possible[name] for name in names if name in possible and name != "autodetect"]
        if not found:
            raise Invalid(
                f"deploy_interface autodetect: driver {node.driver!r} has none of {', '.join(names)} (setting"
                " autodetect_deploy_interfaces); choose another deploy_interface, or enable one of these"
            )
        return next((one for one in found if one.fits(node)), found[-1])


RAMDISK = RamdiskDeploy()
AUTODETECT = AutodetectDeploy()
