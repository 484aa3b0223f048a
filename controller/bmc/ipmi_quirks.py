"""What IPMI BMCs of one maker do otherwise than the specification, in one table by the maker's number, each with its source. Pure.

The number is what Get Device ID says (IPMI 2.0, 20.1): the maker's IANA enterprise number.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from controller.hardware.bmc import BootDevice


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirk:
    """One line of the table; what is not set is as with everybody."""

    maker: int
    name: str
    source: str
    uefi_devices: Mapping[BootDevice, int] = field(default_factory=lambda: MappingProxyType({}))
    """Device codes of the boot flags (table 28-14) that are other ones when the machine boots by UEFI."""
    is_uefi_only: bool = False
    """Newer machines refuse boot flags without the bit of UEFI, which say BIOS; older ones take them."""


_SUPERMICRO_DISK = MappingProxyType({BootDevice.DISK: 9})
_SUPERMICRO_SOURCE = (
    "Ironic, ironic/drivers/modules/ipmitool.py, _vendor_aware_boot_device_map (0x24 is the UEFI hard disk); "
    "Supermicro FAQ 25559"
)
QUIRKS = (
    Quirk(
        maker=10876,
        name="Supermicro",
        source=_SUPERMICRO_SOURCE,
        uefi_devices=_SUPERMICRO_DISK,
    ),
    Quirk(
        maker=47488,
        name="Supermicro (boards that give the number of an older maker)",
        source=f"{_SUPERMICRO_SOURCE}; ipmitool, include/ipmitool/ipmi.h, IPMI_OEM_SUPERMICRO_47488",
        uefi_devices=_SUPERMICRO_DISK,
    ),
    Quirk(
        maker=343,
        name="Intel",
        source='Intel\'s OpenBMC, patch of phosphor-host-ipmid "Fix for BIOS boot type Legacy" (August 2021)',
        is_uefi_only=True,
    ),
)
ODD_UEFI_DEVICES = frozenset(device for quirk in QUIRKS for device in quirk.uefi_devices)
"""Of which the maker has to be known; others are the same with all."""


def quirk_of(maker: int | None) -> Quirk | None:
    """Return the line of a maker; ``None`` = there is none, or the maker is not known."""
    return next((quirk for quirk in QUIRKS if quirk.maker == maker), None)


def uefi_device(maker: int | None, device: BootDevice) -> int | None:
    """Return the device code of such a maker for UEFI; ``None`` = the specification's."""
    quirk = quirk_of(maker)
    return quirk.uefi_devices.get(device) if quirk else None


def device_of(maker: int | None, code: int) -> BootDevice | None:
    """Return what a device code of such a maker means, where the specification means something else."""
    quirk = quirk_of(maker)
    devices = quirk.uefi_devices if quirk else {}
    return next((device for device, other in devices.items() if other == code), None)


def refusal_advice(maker: int | None, *, is_uefi: bool) -> str:
    """Return the end of the sentence that such a maker's BMC refuses boot flags; empty = nothing is known."""
    quirk = quirk_of(maker)
    if is_uefi or quirk is None or not quirk.is_uefi_only:
        return ""
    return f"; newer machines of {quirk.name} boot by UEFI only: put boot_mode:uefi into the node's capabilities"
