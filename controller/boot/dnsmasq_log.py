"""What lines of dnsmasq's log mean. Pure; as version 2.90 writes them."""

import re
from dataclasses import dataclass

from agent.protocol.hardware_address import mac_of_bootif

_ACK = re.compile(r"DHCPACK\(\S+\) (?P<ip>[\d.]+) (?P<mac>[0-9a-f:-]{17,})")
_REPLY = re.compile(r" (?P<number>\d+) DHCPREPLY\(\S+\) (?P<ip>[0-9a-f:]+) ")
_CLIENT = re.compile(r" (?P<number>\d+) client MAC address: (?P<mac>[0-9a-f:-]{17,})")
_PROXY = re.compile(r"PXE\(\S+\) (?:(?P<ip>[\d.]+) )?(?P<mac>[0-9a-f:-]{17,}) ")
_WARNINGS = (
    "no address range available",
    "no address available",
    "not found",
    "failed sending",
    "cannot access",
    "Permission denied",
)
_OPTIONAL = re.compile(
    r"/(revocations_\w+\.efi|shim_certificate_\d+\.efi|grub/[\w-]+/(\w+\.lst|grub\.cfg)) not found"
)
"""What shim and GRUB look for and do without."""
_MOST_CLIENTS = 256
"""So many questions over IPv6 are put together at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DhcpEvent:
    """A machine has got an address, or an answer of the proxy."""

    mac: str
    ip: str | None
    """``None`` = another server gives the addresses."""
    at: float
    """Seconds since the epoch."""


def is_warning(line: str) -> bool:
    """Say whether a line of dnsmasq's log means that machines get no address or no loader."""
    return any(words in line for words in _WARNINGS) and not _OPTIONAL.search(line)


def read_event(line: str, at: float) -> DhcpEvent | None:
    """Return what a line of dnsmasq's log says about a machine; ``None`` for all other lines."""
    ack, proxy = _ACK.search(line), _PROXY.search(line)
    match = ack or proxy
    mac = mac_of_bootif(match["mac"]) if match else None
    return DhcpEvent(mac=mac, ip=ack["ip"] if ack else None, at=at) if mac else None


class ReplyReader:
    """Puts together what the log says of an answer by DHCPv6 in several lines: whose card it is, and which address it got.

    dnsmasq knows the card from its neighbours, for machines name themselves otherwise; it says so only with ``log-dhcp``.
    """

    def __init__(self) -> None:
        self._macs: dict[str, str] = {}

    def read(self, line: str, at: float) -> DhcpEvent | None:
        """Take the next line; returns what has come out by it."""
        if client := _CLIENT.search(line):
            self._keep(client["number"], client["mac"])
            return None
        reply = _REPLY.search(line)
        mac = self._macs.pop(reply["number"], None) if reply else None
        return DhcpEvent(mac=mac, ip=reply["ip"], at=at) if reply and mac else None

    def _keep(self, number: str, written: str) -> None:
        mac = mac_of_bootif(written)
        if mac is None:
            return
        self._macs[number] = mac
        while len(self._macs) > _MOST_CLIENTS:
            del self._macs[next(iter(self._macs))]
