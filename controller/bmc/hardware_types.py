"""The hardware types and their interfaces, as pure data under Ironic's names (ironic-protocol.md B4).

A hardware type says which interfaces a node of it may choose and which BMC driver a power interface stands for. The
management interface follows the power interface: one BMC, one driver. Drivers that are installed beside Ingot add their
interfaces, and hardware types (``served_types``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from controller.bmc.interface import BmcDriver, OffersInterface
from controller.errors import Invalid, SettingsError

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


_AGENT_INTERFACES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "bios": ("no-bios",),
        "boot": ("ipxe", "pxe", "http"),
        "console": ("no-console",),
        "deploy": ("direct", "bootc"),
        "firmware": ("no-firmware",),
        "inspect": ("agent", "no-inspect"),
        "management": (),
        "network": ("noop", "flat"),
        "power": (),
        "raid": ("no-raid", "agent"),
        "rescue": ("agent", "no-rescue"),
        "storage": ("noop",),
        "vendor": ("no-vendor",),
    }
)
"""What does not depend on the BMC."""

_IPMI = HardwareType(
    name="ipmi",
    interfaces=MappingProxyType(
        {
            **_AGENT_INTERFACES,
            "management": ("ipmitool", "pyghmi", "ipmitool-cli"),
            "power": ("ipmitool", "pyghmi", "ipmitool-cli"),
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
            "deploy": ("direct", "bootc", "fake"),
            "firmware": ("no-firmware", "fake"),
            "inspect": ("agent", "no-inspect", "fake"),
            "management": ("fake",),
            "network": ("noop", "flat"),
            "power": ("fake",),
            "raid": ("no-raid", "agent", "fake"),
            "rescue": ("agent", "no-rescue", "fake"),
            "storage": ("noop", "fake"),
            "vendor": ("no-vendor", "fake"),
        }
    ),
    bmc_drivers=MappingProxyType({"fake": "fake"}),
)

OWN_TYPES: Mapping[str, HardwareType] = MappingProxyType(
    {hardware_type.name: hardware_type for hardware_type in (_IPMI, _FAKE)}
)
"""Ingot's own hardware types by name."""


def served_types(drivers: Mapping[str, BmcDriver]) -> Mapping[str, HardwareType]:
    """Return the hardware types by name, with what the installed drivers add.

    Args:
        drivers: The installed BMC drivers by the name of their entry point.

    Raises:
        SettingsError: Two drivers want the same name of an interface.
    """
    types = dict(OWN_TYPES)
    for driver_name in sorted(drivers):
        driver = drivers[driver_name]
        if not isinstance(driver, OffersInterface):
            continue
        for type_name in driver.offer.hardware_types:
            before = types.get(type_name) or HardwareType(
                name=type_name, interfaces=_AGENT_INTERFACES, bmc_drivers={}
            )
            types[type_name] = _with_driver(before, driver.offer.interface, driver_name)
    return MappingProxyType(types)


def _with_driver(before: HardwareType, interface: str, driver_name: str) -> HardwareType:
    if interface in before.bmc_drivers:
        raise SettingsError(
            f"BMC driver {driver_name!r} offers the power interface {interface!r} of hardware type {before.name!r}, "
            f"which is that of driver {before.bmc_drivers[interface]!r}; uninstall one of the two packages"
        )
    added = {kind: (*before.interfaces[kind], interface) for kind in ("power", "management")}
    return HardwareType(
        name=before.name,
        interfaces=MappingProxyType({**before.interfaces, **added}),
        bmc_drivers=MappingProxyType({**before.bmc_drivers, interface: driver_name}),
    )
