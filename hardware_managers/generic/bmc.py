"""Where the machine's own BMC answers, asked through the local IPMI device (IPMI 2.0, section 23: LAN parameters)."""

import logging
import time
from collections.abc import Callable, Iterator

from agent.errors import CommandFailed
from agent.hardware.devices import BmcAddresses
from agent.system.runner import Runner
from agent.system.sysfs import SysRoot
from hardware_managers.generic import lan_channels

log = logging.getLogger(__name__)
_CHANNELS = range(1, 12)  # 0 is IPMB, 12 to 15 are reserved or the system interface: table 6-1
_TOTAL_S = 30  # for the drivers and all channels together
_ONE_ANSWER_S = 10
_DEVICES = ("dev/ipmi0", "dev/ipmi/0", "dev/ipmidev/0")  # where ipmitool looks
_DRIVERS = ("dmi_sysfs", "ipmi_si", "ipmi_ssif", "ipmi_devintf")


class IpmitoolBmcLocator:
    """Asks ``ipmitool`` for each LAN channel until one has a usable address; does nothing without an IPMI device.

    Loading ``ipmi_si`` is harmless without a BMC: it looks where SMBIOS, ACPI and PCI point and finds nothing. No trouble with
    the BMC is an error: what it does not say in time is unknown.
    """

    def __init__(
        self, runner: Runner, sys_root: SysRoot, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``clock`` counts seconds."""
        self._runner = runner
        self._root = sys_root
        self._clock = clock

    def bmc_addresses(self) -> BmcAddresses:
        """See :class:`agent.hardware.reading.BmcLocator`."""
        until = self._clock() + _TOTAL_S
        if not self._has_ipmi_device(until):
            return BmcAddresses()
        return lan_channels.choose(self._channels(until))

    def _has_ipmi_device(self, until: float) -> bool:
        """Load the IPMI drivers if need be and look for the device node."""
        if self._root.at("sys/class/dmi/id").exists() and not self._has_node():
            self._ask(until, "modprobe", "--all", "--quiet", *_DRIVERS)
        return self._has_node()

    def _has_node(self) -> bool:
        return any(self._root.at(device).exists() for device in _DEVICES)

    def _channels(self, until: float) -> Iterator[BmcAddresses]:
        """Yield the LAN channels; one that is no LAN costs one question."""
        for channel in map(str, _CHANNELS):
            if self._clock() >= until:
                log.warning(
                    "the BMC took too long to tell its addresses: channels not asked",
                    extra={"first_not_asked": channel, "limit_s": _TOTAL_S},
                )
                return
            lan = lan_channels.read_lan(self._ask(until, "ipmitool", "lan", "print", channel))
            if lan is not None:
                yield self._with_ipv6(until, channel, lan)

    def _with_ipv6(self, until: float, channel: str, lan: lan_channels.Lan) -> BmcAddresses:
        """Ask for single parameters: one that the BMC gets wrong makes ipmitool print none of the others."""

        def ask(parameter: str) -> str:
            return self._ask(until, "ipmitool", "lan6", "print", channel, parameter)

        mode = lan_channels.read_mode(ask("enables"))
        if mode == "ipv4":
            return lan_channels.merge(lan, mode, ())
        addresses = list(lan_channels.read_ipv6(ask("dynamic_addr")))
        if all(address.is_link_local for address in addresses):
            addresses += lan_channels.read_ipv6(ask("static_addr"))
        return lan_channels.merge(lan, mode, addresses)

    def _ask(self, until: float, *argv: str) -> str:
        """Return what the program prints; nothing if it fails or time is over."""
        left_s = min(until - self._clock(), _ONE_ANSWER_S)
        if left_s <= 0:
            return ""
        try:
            return self._runner.run(*argv, timeout_s=left_s, ok=(0, 1)).stdout
        except CommandFailed as error:
            log.info("no answer about the BMC", extra={"reason": str(error)})
            return ""
