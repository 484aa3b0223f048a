"""How the firmware of a Redfish system boots: UEFI or BIOS, and Secure Boot with its keys (DMTF DSP2046, ComputerSystem and SecureBoot)."""

import re
from collections.abc import Mapping
from types import MappingProxyType

import sushy
from sushy import exceptions
from sushy.resources.system.secure_boot import SecureBoot
from sushy.resources.system.system import System

from controller.bmc.redfish_document import dig
from controller.bmc.redfish_errors import NotDoneError, NotOfferedError
from controller.hardware.bmc import BootMode

MODES: Mapping[BootMode, sushy.BootSourceOverrideMode] = MappingProxyType(
    {
        BootMode.BIOS: sushy.BootSourceOverrideMode.LEGACY,
        BootMode.UEFI: sushy.BootSourceOverrideMode.UEFI,
    }
)
_BY_WORD = MappingProxyType({word: mode for mode, word in MODES.items()})
_UEFI_OPTION = re.compile(r"Boot[0-9A-F]{4}")
"""Names of UEFI's boot entries: a system that has them, and no word for its mode, knows nothing but UEFI (NVIDIA GH200)."""
_IN_SETUP = "set it in the firmware's set-up, or with the step bios.apply_configuration"


def boot_mode(system: System) -> BootMode:
    """Return the boot mode.

    Raises:
        NotOfferedError: The BMC does not say.
    """
    word = system.boot.mode if system.boot else None
    if word is None and _UEFI_OPTION.fullmatch(_first_option(system)):
        return BootMode.UEFI
    if word not in _BY_WORD:
        raise NotOfferedError("the boot mode", _IN_SETUP)
    return _BY_WORD[word]


def _first_option(system: System) -> str:
    """Return the first entry of the boot order; empty = there is none."""
    order = dig(system.json, "Boot", "BootOrder")
    return str(order[0]) if isinstance(order, list) and order else ""


def set_boot_mode(system: System, mode: BootMode) -> None:
    """Set the boot mode, unless it is so already, and read it back.

    Raises:
        NotOfferedError: The BMC does not have it.
        NotDoneError: The BMC says yes and keeps the other mode, as those do whose mode is a BIOS setting.
    """
    if boot_mode(system) is mode:
        return
    system.set_system_boot_options(mode=MODES[mode])
    system.refresh(force=True)
    found = boot_mode(system)
    if found is not mode:
        raise NotDoneError(f"the BMC took the order and stays at boot mode {found}; {_IN_SETUP}")


def secure_boot(system: System) -> bool:
    """Say whether Secure Boot is on with the next start; a system whose BMC does not know it has none."""
    found = _secure_boot(system)
    return found is not None and bool(found.enabled)


def set_secure_boot(system: System, is_on: bool) -> None:
    """Switch Secure Boot, unless it is so already.

    Raises:
        NotOfferedError: There is none.
        NotDoneError: It needs UEFI, or keys.
    """
    if secure_boot(system) is is_on:
        return
    found = _required(system)
    if is_on and system.boot and system.boot.mode is MODES[BootMode.BIOS]:
        raise NotDoneError("Secure Boot needs UEFI; set the boot mode to uefi first")
    if is_on and found.mode is sushy.SecureBootMode.SETUP:
        raise NotDoneError(
            "Secure Boot needs keys, and none are enrolled; run the step management.reset_secure_boot_keys_to_default first"
        )
    found.set_enabled(is_on)


def reset_keys(system: System, kind: sushy.SecureBootResetKeysType) -> None:
    """Enrol the factory's keys, or remove all; many machines do it with their next start.

    Raises:
        NotOfferedError: There is no Secure Boot, or no such reset.
    """
    found = _required(system)
    try:
        possible = found.get_allowed_reset_keys_values()
    except (exceptions.MissingActionError, AttributeError):
        possible = frozenset()
    if kind not in possible:
        raise NotOfferedError(
            f"the key reset {kind.value}", "change the keys in the firmware's set-up"
        )
    found.reset_keys(kind)


def _required(system: System) -> SecureBoot:
    found = _secure_boot(system)
    if found is None:
        raise NotOfferedError("Secure Boot", "switch it in the firmware's set-up")
    return found


def _secure_boot(system: System) -> SecureBoot | None:
    try:
        return system.secure_boot
    except (exceptions.MissingAttributeError, exceptions.ResourceNotFoundError):
        return None
