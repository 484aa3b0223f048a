"""The boot override of a Redfish system (DMTF DSP2046, ComputerSystem, ``Boot``)."""

from collections.abc import Mapping
from types import MappingProxyType

import sushy
from sushy.resources.system.system import System

from controller.bmc.redfish_boot_mode import MODES
from controller.bmc.redfish_document import dig
from controller.bmc.redfish_errors import lacking
from controller.bmc.redfish_quirks import ways_of
from controller.hardware.bmc import BootDevice, BootMode, BootOverride

_KIND = sushy.BootSourceOverrideEnabled
TARGETS: Mapping[BootDevice, sushy.BootSource] = MappingProxyType(
    {
        BootDevice.PXE: sushy.BootSource.PXE,
        BootDevice.DISK: sushy.BootSource.HDD,
        BootDevice.CDROM: sushy.BootSource.CD,
        BootDevice.BIOS: sushy.BootSource.BIOS_SETUP,
    }
)
_DEVICES = MappingProxyType({target: device for device, target in TARGETS.items()})


def boot_override(system: System) -> BootOverride:
    """Return the override; ``None`` where it is disabled."""
    boot = system.boot
    if boot is None or boot.enabled in {None, _KIND.DISABLED}:
        return BootOverride(device=None, is_persistent=None)
    return BootOverride(
        device=_DEVICES.get(boot.target), is_persistent=boot.enabled is _KIND.CONTINUOUS
    )


def set_boot_override(
    system: System, device: BootDevice, mode: BootMode, *, persistent: bool
) -> None:
    """Set the override: what is so already is not sent, which some BMCs refuse, but to those that want all of it.

    A BMC that says that it has no lasting override gets one for the next start (Lenovo XCC has none).

    Raises:
        NotDoneError: The system says what it can boot, and that is not among it.
    """
    check_target(system, TARGETS[device])
    boot, wanted_mode = system.boot, MODES[mode]
    duration = _KIND.CONTINUOUS if persistent and _lasts(system) else _KIND.ONCE
    is_whole = ways_of(system.json).wants_whole_boot or boot is None
    system.set_system_boot_options(
        target=TARGETS[device],
        enabled=duration if is_whole or boot.enabled is not duration else None,
        mode=wanted_mode if is_whole or boot.mode is not wanted_mode else None,
    )


def check_target(system: System, target: sushy.BootSource) -> None:
    """Refuse a target that the system does not offer; one that says nothing may have all.

    Raises:
        NotDoneError: It offers others.
    """
    offered = system.get_allowed_system_boot_source_values()
    if target not in offered:
        advice = "choose one of these, or set the order in the firmware's set-up"
        raise lacking(f"the boot device {target.value}", [one.value for one in offered], advice)


def _lasts(system: System) -> bool:
    allowed = dig(system.json, "Boot", "BootSourceOverrideEnabled@Redfish.AllowableValues")
    return not isinstance(allowed, list) or _KIND.CONTINUOUS.value in allowed
