"""What must be right with a node before its machine is powered on; nobody is asked. The interfaces say which of it they need.

The rules about the image are the agent's own (:mod:`agent.protocol.image_rules`); those about capabilities and traits are the
ones of Ironic's conductor (``validate_capabilities``, ``validate_instance_info_traits``).
"""

from collections.abc import Mapping
from typing import Any

from agent.protocol.device_hints import root_hints, skip_hints
from agent.protocol.raid_config import check_raid_config
from agent.protocol.refusal import Refusal
from controller.errors import Invalid
from controller.hardware.bmc import BootMode
from controller.hardware.boot_target import FROM_NETWORK, BootTarget
from controller.hardware.interface import BootsMedium, Interfaces, MediumWay
from controller.images.config_drive import check_config_drive
from controller.images.refusals import invalid
from controller.settings import Settings
from controller.store.tables import Node
from controller.workflow.machine import boot_mode_of, capabilities

_CAPABILITIES: Mapping[str, tuple[str, ...]] = {
    "boot_mode": tuple(BootMode),
    "secure_boot": ("true", "false"),
    "disk_label": ("msdos", "gpt"),
}


def check_drive(node: Node) -> None:
    """Check the config drive that is stored with the node; unpacks up to 64 MiB, so no transaction may wait for it.

    Raises:
        Invalid: It is none that agents take.
    """
    if node.config_drive is not None:
        check_config_drive(node.config_drive)


def check_boot_mode(node: Node, settings: Settings) -> None:
    """Check the capabilities that say how firmware boots.

    Raises:
        Invalid: One has a value that does not exist, or Secure Boot is asked for without UEFI.
    """
    for place, document in (
        ("instance_info", node.instance_info),
        ("properties", node.properties),
    ):
        given = document.get("capabilities")
        found = capabilities(given)
        if given and not found:
            raise Invalid(
                f"{place}.capabilities {str(given)[:80]!r} is neither an object nor text like boot_mode:uefi"
            )
        for name, possible in _CAPABILITIES.items():
            if found.get(name) and found[name] not in possible:
                raise Invalid(
                    f"{place}.capabilities: {name} {found[name][:80]!r} does not exist; possible are "
                    f"{', '.join(possible)}"
                )
    wants_secure_boot = capabilities(node.instance_info.get("capabilities")).get("secure_boot")
    if wants_secure_boot == "true" and boot_mode_of(node, settings) != BootMode.UEFI:
        raise Invalid(
            "instance_info.capabilities: secure_boot:true needs UEFI, and the node boots in BIOS mode; set boot_mode:uefi,"
            " or leave secure_boot out"
        )


def check_hints(node: Node) -> None:
    """Check the hints that name the root disk and the disks that nothing may touch.

    Raises:
        Invalid: One is unknown or malformed.
    """
    document = {"instance_info": node.instance_info, "properties": node.properties}
    try:
        root_hints(document)
        skip_hints(document)
    except Refusal as error:
        raise invalid(error) from error


def require_raid_config(wanted: Mapping[str, Any]) -> None:
    """Check what is wanted of the node's RAID; an empty object is nothing.

    Raises:
        Invalid: It does not follow the schema.
    """
    try:
        check_raid_config(wanted)
    except Refusal as error:
        raise Invalid(f"target_raid_config: {error}") from error


def require_bootable(node: Node, interfaces: Interfaces) -> None:
    """Check that the node's boot interface can boot what its deploy interface leaves.

    Raises:
        Invalid: It would have to boot the instance from the network, which it cannot.
    """
    target, boot = interfaces.deploy.target(node), interfaces.boot
    by_drive = isinstance(boot, BootsMedium) and boot.medium is MediumWay.DRIVE
    if target is BootTarget.INSTANCE_ISO and by_drive:
        return
    if target in FROM_NETWORK and not boot.boots_instances:
        names = interfaces.names
        raise Invalid(
            f"deploy_interface {names['deploy']}: the boot_interface {names['boot']} cannot boot an instance from the network;"
            " choose another one, for example ipxe"
        )


def check_traits(node: Node) -> None:
    """Check that the node has the traits that its instance wants.

    Raises:
        Invalid: It lacks one.
    """
    wanted = node.instance_info.get("traits") or []
    if not isinstance(wanted, list) or not all(isinstance(trait, str) for trait in wanted):
        raise Invalid("instance_info.traits is no list of traits")
    missing = sorted(set(wanted) - set(node.traits or []))
    if missing:
        raise Invalid(
            f"instance_info.traits: the node has not {', '.join(missing)}; choose another node, or give it the trait"
        )
