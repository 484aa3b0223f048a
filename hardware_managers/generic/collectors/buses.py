"""Collectors ``pci-devices`` and ``usb-devices``: what is plugged in, from sysfs, in the shape of Ironic's agent."""

from collections.abc import Iterator
from typing import Any

from agent.protocol.foreign_text import clean_line
from agent.system.sysfs import SysRoot

_PCI, _USB = "sys/bus/pci/devices", "sys/bus/usb/devices"
_HUB_CLASS = "09"
_MOST_DEVICES = 4096
_LONGEST_NAME = 126
"""Of a USB string descriptor."""


def pci_devices(root: SysRoot) -> dict[str, Any]:
    """Return ``pci_devices``: hexadecimal numbers without ``0x``, ``numa_node_id`` as text (``-1`` = none), ``None`` = not known."""
    return {"pci_devices": [one for name in _names(root, _PCI) if (one := _pci(root, name))]}


def usb_devices(root: SysRoot) -> dict[str, Any]:
    """Return ``usb_devices``, hubs left out; ``handle`` is bus and device as lshw writes them: ``USB:1:4``."""
    return {"usb_devices": [one for name in _names(root, _USB) if (one := _usb(root, name))]}


def _names(root: SysRoot, folder: str) -> Iterator[str]:
    path = root.at(folder)
    yield from (
        sorted(entry.name for entry in path.iterdir())[:_MOST_DEVICES] if path.is_dir() else ()
    )


def _pci(root: SysRoot, name: str) -> dict[str, str | None] | None:
    def number(file: str) -> str | None:
        text = root.text(_PCI, name, file)
        return text.removeprefix("0x") if text else None

    vendor, product, kind = number("vendor"), number("device"), number("class")
    if vendor is None or product is None or kind is None:
        return None
    return {
        "vendor_id": vendor,
        "product_id": product,
        "class": kind,
        "revision": number("revision"),
        "bus": name,
        "numa_node_id": root.text(_PCI, name, "numa_node"),
    }


def _usb(root: SysRoot, name: str) -> dict[str, str] | None:
    """Return one device; ``None`` for a hub, and for an interface of a device, which has no number."""
    kind = root.text(_USB, name, "bDeviceClass")
    bus, device = root.number(_USB, name, "busnum"), root.number(_USB, name, "devnum")
    if kind is None or kind == _HUB_CLASS or bus is None or device is None:
        return None
    return {
        "product": clean_line(root.text(_USB, name, "product") or "", _LONGEST_NAME),
        "vendor": clean_line(root.text(_USB, name, "manufacturer") or "", _LONGEST_NAME),
        "handle": f"USB:{bus}:{device}",
    }
