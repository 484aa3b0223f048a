"""pyudev behind one function: the properties udev keeps of a block device."""

from collections.abc import Mapping

import pyudev


def block_properties(kernel_name: str) -> Mapping[str, str]:
    """Return udev's properties of the block device ``kernel_name`` (``sda``); empty when udev does not know it."""
    try:
        device = pyudev.Devices.from_name(pyudev.Context(), "block", kernel_name)
    except pyudev.DeviceNotFoundError:
        return {}
    return dict(device.properties)
