"""Which disks are the BMC's virtual media: they carry what this machine boots from or is told by, and are nobody's to erase. Pure.

What counts is what the ramdisk itself looks for when it was started from virtual media (``ingot-init``, ``media``): small USB or
removable devices, by their names or by the label of the whole device. Partitions do not count: a config drive on a partition of a
USB disk belongs to a system that was deployed there.
"""

from agent.hardware.devices import BlockDevice

REASON = "virtual media of the BMC"
_LARGEST_BYTES = 4 << 30
_LABELS = frozenset({"ir-vfd-dev", "vmedia_boot_iso", "config-2"})
"""Of Ironic's parameters, of its boot media, and of config drives, which carry the network's description; in any case of letters."""


def is_virtual_medium(disk: BlockDevice) -> bool:
    """Recognize a medium that a BMC emulates; a real stick may be called that too, but then holds less than 4 GiB."""
    is_usb = disk.transport == "usb"
    if disk.size_bytes >= _LARGEST_BYTES or not (is_usb or disk.is_removable):
        return False
    names = f"{disk.vendor or ''} {disk.model or ''}".lower()
    return (is_usb and "virtual" in names) or (disk.label or "").lower() in _LABELS
