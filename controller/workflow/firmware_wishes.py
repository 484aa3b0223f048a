"""What an instance wants of its machine's firmware: boot mode and Secure Boot. Pure, but for the calls to the BMC at the end.

``instance_info.capabilities`` says it, as for Ironic's ``boot_mode_utils``. Ironic warns where the BMC cannot switch Secure Boot, and
announces that this will be an error; here it is one, unless ``properties.capabilities`` says that it is on already.
"""

from dataclasses import dataclass

from controller.errors import BmcError, Invalid
from controller.hardware.abilities import SwitchesFirmware
from controller.hardware.bmc import BootMode
from controller.store.tables import Node
from controller.workflow.machine import capabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareWishes:
    """What shall be so when the machine starts; ``None`` = whatever it is."""

    boot_mode: BootMode | None = None
    secure_boot: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareState:
    """What the BMC says after all, and what was changed for it, in words; empty = nothing."""

    boot_mode: BootMode
    secure_boot: bool
    changes: tuple[str, ...]


def firmware_wishes(node: Node) -> FirmwareWishes:
    """Return the wishes of a node's instance; a boot mode comes with Secure Boot, which only UEFI has."""
    wanted = capabilities(node.instance_info.get("capabilities"))
    secure = {"true": True, "false": False}.get(wanted.get("secure_boot", ""))
    mode = wanted.get("boot_mode") or ("uefi" if secure else "")
    return FirmwareWishes(
        boot_mode=BootMode(mode) if mode in set(BootMode) else None, secure_boot=secure
    )


def check_firmware_wishes(node: Node, management: object, name: str) -> None:
    """Refuse what nobody could bring about.

    Args:
        node: The node, with its instance's wishes.
        management: Its connection to the BMC.
        name: Of its management interface.

    Raises:
        Invalid: Secure Boot is wanted, the BMC cannot switch it, and nobody says that it is on.
    """
    known = capabilities(node.properties.get("capabilities")).get("secure_boot")
    wishes = firmware_wishes(node)
    if wishes.secure_boot and known != "true" and not isinstance(management, SwitchesFirmware):
        raise Invalid(
            f"instance_info.capabilities: secure_boot:true, but management interface {name} cannot switch Secure Boot; switch it "
            "on in the firmware's set-up and say so in properties.capabilities (secure_boot:true), or leave it out"
        )


def bring_about(
    wishes: FirmwareWishes, bmc: SwitchesFirmware, *, timeout_s: float
) -> FirmwareState:
    """Set what differs, of a machine that is off, and read it back.

    Raises:
        BmcError: The BMC does not answer, refuses, or has another state afterwards.
    """
    changes = []
    mode = bmc.boot_mode(timeout_s=timeout_s)
    if wishes.boot_mode and mode is not wishes.boot_mode:
        bmc.set_boot_mode(wishes.boot_mode, timeout_s=timeout_s)
        changes.append(f"the boot mode was set to {wishes.boot_mode}")
        mode = bmc.boot_mode(timeout_s=timeout_s)
    secure = bmc.secure_boot(timeout_s=timeout_s)
    if wishes.secure_boot is not None and secure is not wishes.secure_boot:
        bmc.set_secure_boot(wishes.secure_boot, timeout_s=timeout_s)
        changes.append(f"Secure Boot was switched {'on' if wishes.secure_boot else 'off'}")
        secure = bmc.secure_boot(timeout_s=timeout_s)
    if wishes.boot_mode not in (None, mode) or wishes.secure_boot not in (None, secure):
        raise BmcError(
            f"the BMC took the orders ({', '.join(changes)}), but says boot mode {mode}, Secure Boot {'on' if secure else 'off'}; "
            "set both in the firmware's set-up"
        )
    return FirmwareState(boot_mode=mode, secure_boot=secure, changes=tuple(changes))
