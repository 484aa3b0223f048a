"""Network interfaces: addresses from netifaces and ethtool, everything else from sysfs.

Listed are cards, and the VLANs and bonds made of them, as Ironic's agent lists them. ``netifaces`` here is the package netifaces2 (same
import): it knows no interface that vanished, so a missing one reads as ``{}``.
"""

import logging
import os
from collections.abc import Callable

import netifaces

from agent.hardware.devices import NetworkInterface
from agent.protocol.hardware_address import infiniband_client_id, normal_mac
from agent.system.sysfs import SysRoot

log = logging.getLogger(__name__)
AddressReader = Callable[[str], tuple[str | None, str | None]]
"""Returns the first IPv4 and the first IPv6 address (link-local last) of an interface."""
PermanentAddressReader = Callable[[str], str | None]
"""Returns the address that a card was made with; ``None`` = not known."""
_MADE_OF_CARDS = frozenset({"DEVTYPE=vlan", "DEVTYPE=bond"})
_IGNORED_ADDRESSES = "fa:"


class SysfsNicLister:
    """Lists the interfaces that have a device behind them, VLANs and bonds."""

    def __init__(
        self,
        sys_root: SysRoot,
        addresses: AddressReader,
        permanent_address: PermanentAddressReader,
    ) -> None:
        self._root = sys_root
        self._addresses = addresses
        self._permanent_address = permanent_address
        self._told: set[str] = set()

    def list_nics(self) -> tuple[NetworkInterface, ...]:
        """See :class:`agent.hardware.reading.NicLister`."""
        folder = self._root.at("sys/class/net")
        names = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
        nics = [self._nic(name) for name in names if self._is_listed(name)]
        return tuple(nic for nic in nics if self._is_hardware(nic))

    def _is_listed(self, name: str) -> bool:
        if self._root.at("sys/class/net", name, "device").exists():
            return True
        facts = (self._root.text("sys/class/net", name, "uevent") or "").split()
        return not _MADE_OF_CARDS.isdisjoint(facts)

    def _is_hardware(self, nic: NetworkInterface) -> bool:
        """Tell whether the address is one to know a machine by; those of a BMC's inner network card are not.

        Several makers give that card an address with ``fa:`` in every machine; Ironic's agent leaves it out, too.
        """
        if not nic.mac.startswith(_IGNORED_ADDRESSES):
            return True
        if nic.name not in self._told:
            self._told.add(nic.name)
            data = {"interface": nic.name, "mac": nic.mac}
            log.warning("interface left out: its address is one that machines share", extra=data)
        return False

    def _nic(self, name: str) -> NetworkInterface:
        base = f"sys/class/net/{name}"
        ipv4, ipv6 = self._addresses(name)
        address = (self._root.text(base, "address") or "").lower()
        permanent = self._permanent_address(name)
        speed = self._root.number(base, "speed")  # -1 or an error without a link
        onboard = self._root.number(base, "device/index")
        return NetworkInterface(
            name=name,
            mac=normal_mac(permanent or "") or normal_mac(address) or address,
            client_id=infiniband_client_id(address),
            has_carrier=self._root.number(base, "carrier") == 1,
            ipv4=ipv4,
            ipv6=ipv6,
            vendor=self._root.text(base, "device/vendor"),
            product=self._root.text(base, "device/device"),
            bios_name=f"em{onboard}" if onboard else None,
            pci_address=self._link_name(base, "device"),
            driver=self._link_name(base, "device/driver"),
            speed_mbps=speed if speed and speed > 0 else None,
        )

    def _link_name(self, *parts: str) -> str | None:
        path = self._root.at(*parts)
        return os.path.basename(os.path.realpath(path)) if path.exists() else None  # noqa: PTH119


def netifaces_addresses(name: str) -> tuple[str | None, str | None]:
    """Return the first IPv4 and the first IPv6 address of ``name``; a link-local IPv6 address only if there is no other."""
    try:
        families = netifaces.ifaddresses(name)
    except ValueError:  # the interface vanished
        return None, None
    ipv4 = [entry["addr"] for entry in families.get(netifaces.InterfaceType.AF_INET, [])]
    ipv6 = [
        entry["addr"].partition("%")[0]
        for entry in families.get(netifaces.InterfaceType.AF_INET6, [])
    ]
    ipv6.sort(key=lambda address: address.lower().startswith("fe80:"))
    return (ipv4[0] if ipv4 else None), (ipv6[0] if ipv6 else None)
