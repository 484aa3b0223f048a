"""The hardware types and their interfaces, as pure data under Ironic's names (ironic-protocol.md B4).

A hardware type says which interfaces a node of it may choose and which BMC driver a power interface stands for. The
management interface follows the power interface: one BMC, one driver.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from controller.errors import Invalid

INTERFACE_KINDS = (
    "bios",
    "boot",
    "console",
    "deploy",
    "firmware",
    "inspect",
    "management",
    "network",
    "power",
    "raid",
    "rescue",
    "storage",
    "vendor",
)
"""Every kind of interface a node has, in Ironic's order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HardwareType:
    """What nodes with ``driver`` = ``name`` may choose."""

    name: str
    interfaces: Mapping[str, tuple[str, ...]]
    """Names by kind; the first is the default."""
    bmc_drivers: Mapping[str, str]
    """Name of the BMC driver (entry point) by power interface."""

    def default_interface(self, kind: str) -> str:
        """Return the interface a node has that chose none of this ``kind``."""
        return self.interfaces[kind][0]

    def bmc_driver(self, power_interface: str | None = None) -> str:
        """Return the name of the BMC driver behind ``power_interface``; ``None`` = the default one.

        Raises:
            Invalid: The hardware type has no such power interface.
        """
        chosen = power_interface or self.default_interface("power")
        try:
            return self.bmc_drivers[chosen]
        except KeyError:
            valid = ", ".join(self.interfaces["power"])
            message = f"power_interface {chosen!r} is not one of hardware type {self.name!r}; choose from: {valid}"
            raise Invalid(message) from None


_IPMI = HardwareType(
    name="ipmi",
    interfaces=MappingProxyType(
        {
            "bios": ("no-bios",),
            "boot": ("ipxe", "pxe", "http"),
            "console": ("no-console",),
            "deploy": ("direct",),
            "firmware": ("no-firmware",),
            "inspect": ("agent", "no-inspect"),
            "management": ("ipmitool", "pyghmi", "ipmitool-cli"),
            "network": ("noop", "flat"),
            "power": ("ipmitool", "pyghmi", "ipmitool-cli"),
            "raid": ("no-raid", "agent"),
            "rescue": ("no-rescue",),
            "storage": ("noop",),
            "vendor": ("no-vendor", "ipmitool"),
        }
    ),
    bmc_drivers=MappingProxyType(
        {"ipmitool": "ipmi", "pyghmi": "ipmi", "ipmitool-cli": "ipmitool"}
    ),
)

_FAKE = HardwareType(
    name="fake-hardware",
    interfaces=MappingProxyType(
        {
            "bios": ("no-bios", "fake"),
            "boot": ("ipxe", "fake", "pxe", "http"),
            "console": ("no-console", "fake"),
            "deploy": ("direct", "fake"),
            "firmware": ("no-firmware", "fake"),
            "inspect": ("agent", "no-inspect", "fake"),
            "management": ("fake",),
            "network": ("noop", "flat"),
            "power": ("fake",),
            "raid": ("no-raid", "agent", "fake"),
            "rescue": ("no-rescue", "fake"),
            "storage": ("noop", "fake"),
            "vendor": ("no-vendor", "fake"),
        }
    ),
    bmc_drivers=MappingProxyType({"fake": "fake"}),
)

HARDWARE_TYPES: Mapping[str, HardwareType] = MappingProxyType(
    {hardware_type.name: hardware_type for hardware_type in (_IPMI, _FAKE)}
)
"""All hardware types by name."""
