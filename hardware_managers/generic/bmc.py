"""Where the machine's own BMC answers, asked through the local IPMI device (IPMI 2.0, section 23: LAN parameters)."""

import re

from agent.errors import CommandFailed
from agent.hardware.devices import BmcAddresses
from agent.system.runner import Runner
from agent.system.sysfs import SysRoot

_CHANNELS = range(1, 12)
_TIMEOUT_S = 10
_DEVICE = ("dev", "ipmi0")
_UNSET = ("0.0.0.0", "::", "::/0", "00:00:00:00:00:00")  # what BMCs report for "no address"


class IpmitoolBmcLocator:
    """Asks ``ipmitool lan print`` per channel; does nothing on a machine without an IPMI device.

    Loading ``ipmi_si`` is harmless without a BMC: it looks where SMBIOS, ACPI and PCI point and finds nothing.
    """

    def __init__(self, runner: Runner, sys_root: SysRoot) -> None:
        self._runner = runner
        self._root = sys_root

    def bmc_addresses(self) -> BmcAddresses:
        """See :class:`agent.hardware.capabilities.BmcLocator`."""
        if not self._has_ipmi_device():
            return BmcAddresses()
        ipv4 = mac = None
        for channel in _CHANNELS:
            out = self._ask("lan", "print", str(channel))
            ipv4, mac = _field("IP Address", out), _field("MAC Address", out)
            if ipv4:
                ipv6 = _field("Address", self._ask("lan6", "print", str(channel)))
                return BmcAddresses(ipv4=ipv4, mac=mac, ipv6=ipv6 and ipv6.partition("/")[0])
        return BmcAddresses(mac=mac)

    def _has_ipmi_device(self) -> bool:
        """Load the IPMI drivers if need be and look for the device node."""
        if self._root.at("sys/class/dmi/id").exists() and not self._root.at(*_DEVICE).exists():
            modules = ("dmi_sysfs", "ipmi_si", "ipmi_ssif", "ipmi_devintf")
            self._runner.run(
                "modprobe", "--all", "--quiet", *modules, timeout_s=_TIMEOUT_S, ok=(0, 1)
            )
        return self._root.at(*_DEVICE).exists()

    def _ask(self, *words: str) -> str:
        try:
            return self._runner.run("ipmitool", *words, timeout_s=_TIMEOUT_S, ok=(0, 1)).stdout
        except CommandFailed:
            return ""  # a channel that does not exist, or a BMC too slow to matter


def _field(name: str, text: str) -> str | None:
    found = re.search(rf"^\s*{name}\s*:\s*(\S+)\s*$", text, re.MULTILINE)
    return found.group(1).lower() if found and found.group(1) not in _UNSET else None
