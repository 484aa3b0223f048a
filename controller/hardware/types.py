"""The hardware types and what they support, as pure data under Ironic's names (ironic-protocol.md B4), the best first."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class HardwareType:
    """What nodes with ``driver`` = ``name`` may choose."""

    name: str
    supports: Mapping[str, tuple[str, ...]]
    """Names of implementations by kind; the first is the default."""

    def with_last(self, kind: str, name: str) -> "HardwareType":
        """Return the type with one more choice."""
        more = {kind: (*self.supports[kind], name)}
        return replace(self, supports=MappingProxyType({**self.supports, **more}))


_BY_VNC = ("fake-graphical", "vnc")
"""Screens of any machine; the first is Ironic's, for trying its console container."""
GENERIC: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "bios": ("no-bios",),
        "boot": ("ipxe", "pxe", "http", "http-ipxe"),
        "console": ("no-console", *_BY_VNC),
        "deploy": ("direct", "iscsi", "bootc", "ramdisk", "custom-agent", "autodetect", "noop"),
        "firmware": ("no-firmware",),
        "inspect": ("agent", "no-inspect"),
        "management": (),
        "network": ("noop", "flat", "ironic-networking"),
        "power": (),
        "raid": ("no-raid", "agent"),
        "rescue": ("agent", "no-rescue"),
        "storage": ("noop", "external"),
        "vendor": ("no-vendor",),
    }
)
"""What does not depend on the BMC."""

_BY_REDFISH = ("redfish-virtual-media", "redfish-https")
"""Ways to boot that a Redfish BMC serves, also beside other power and management."""

IPMI = HardwareType(
    name="ipmi",
    supports=MappingProxyType(
        {
            **GENERIC,
            "boot": (*GENERIC["boot"], *_BY_REDFISH),
            "console": ("no-console", "ipmitool-socat", "ipmitool-shellinabox", *_BY_VNC),
            "management": ("ipmitool", "pyghmi", "ipmitool-cli", "command", "noop"),
            "power": ("ipmitool", "pyghmi", "ipmitool-cli", "command"),
            "vendor": ("no-vendor", "ipmitool"),
        }
    ),
)
INTEL_IPMI = HardwareType(
    name="intel-ipmi",
    supports=MappingProxyType(
        {
            **IPMI.supports,
            "management": ("intel-ipmitool", *IPMI.supports["management"]),
        }
    ),
)
"""Intel's machines, as Ironic names them; they are driven as any other with IPMI."""
REDFISH = HardwareType(
    name="redfish",
    supports=MappingProxyType(
        {
            **GENERIC,
            "bios": ("redfish", "no-bios"),
            "boot": (*GENERIC["boot"], *_BY_REDFISH),
            "firmware": ("redfish", "no-firmware"),
            "console": (
                *("no-console", "redfish-ssh", "ipmitool-socat", "ipmitool-shellinabox"),
                *("redfish-graphical", *_BY_VNC),
            ),
            "management": ("redfish", "ipmitool", "pyghmi", "ipmitool-cli", "noop"),
            "power": ("redfish", "ipmitool", "pyghmi", "ipmitool-cli"),
            "inspect": ("agent", "redfish", "no-inspect"),
            "raid": ("redfish", "no-raid", "agent"),
            "vendor": ("no-vendor", "redfish"),
        }
    ),
)
_BY_ILO = ("ilo-ipxe", "ilo-pxe", "ilo-virtual-media", "ilo-uefi-https")
IDRAC = HardwareType(
    name="idrac",
    supports=MappingProxyType(
        {
            **REDFISH.supports,
            **{
                kind: ("idrac-redfish", *REDFISH.supports[kind])
                for kind in ("bios", "management", "power", "raid")
            },
            "boot": (*REDFISH.supports["boot"], "idrac-redfish-virtual-media"),
            "inspect": (*REDFISH.supports["inspect"], "idrac-redfish"),
            "vendor": (*REDFISH.supports["vendor"], "idrac-redfish"),
        }
    ),
)
"""Dell's machines, as Ironic names them; they are driven by Redfish."""
ILO = HardwareType(
    name="ilo",
    supports=MappingProxyType(
        {
            **REDFISH.supports,
            "boot": (*REDFISH.supports["boot"], *_BY_ILO),
            "inspect": (*REDFISH.supports["inspect"], "ilo"),
            **{kind: ("ilo", *REDFISH.supports[kind]) for kind in ("bios", "management", "power")},
        }
    ),
)
"""HPE's machines from iLO 5 on, as Ironic named them until it gave their own driver up; they are driven by Redfish."""
COMMAND = HardwareType(
    name="command",
    supports=MappingProxyType({**GENERIC, "management": ("command",), "power": ("command",)}),
)
SNMP = HardwareType(
    name="snmp",
    supports=MappingProxyType({**GENERIC, "management": ("noop",), "power": ("snmp",)}),
)
WOL = HardwareType(
    name="wol",
    supports=MappingProxyType({**GENERIC, "management": ("noop",), "power": ("wol",)}),
)
MANUAL_MANAGEMENT = HardwareType(
    name="manual-management",
    supports=MappingProxyType(
        {**GENERIC, "management": ("noop", "fake"), "power": ("agent", "fake", "wol")}
    ),
)
AMT = HardwareType(
    name="amt",
    supports=MappingProxyType({**GENERIC, "management": ("amt", "noop"), "power": ("amt",)}),
)
IBOOT = HardwareType(
    name="iboot",
    supports=MappingProxyType({**GENERIC, "management": ("noop",), "power": ("iboot",)}),
)
SSH = HardwareType(
    name="ssh",
    supports=MappingProxyType({**GENERIC, "management": ("ssh", "noop"), "power": ("ssh",)}),
)
FAKE_HARDWARE = HardwareType(
    name="fake-hardware",
    supports=MappingProxyType(
        {
            "bios": ("fake", "no-bios"),
            "boot": ("fake", "ipxe", "pxe", "http", "http-ipxe", *_BY_REDFISH),
            "console": ("fake", "no-console", *_BY_VNC),
            "deploy": ("fake", *GENERIC["deploy"]),
            "firmware": ("fake", "no-firmware"),
            "inspect": ("fake", "agent", "no-inspect"),
            "management": ("fake",),
            "network": ("noop", "flat", "ironic-networking"),
            "power": ("fake",),
            "raid": ("fake", "no-raid", "agent"),
            "rescue": ("fake", "agent", "no-rescue"),
            "storage": ("noop", "fake", "external"),
            "vendor": ("fake", "no-vendor"),
        }
    ),
)
