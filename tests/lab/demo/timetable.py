"""What a serial console tells of where the time goes: firmware, kernel, agent, login prompt. Pure.

The controller's history knows the rest; both become rows in :mod:`controller.client.times`.
"""

import re
from collections.abc import Iterable

from controller.client.times import Marker

DOWNLOAD = "kernel and ramdisk download"
"""Ends when the kernel starts, which the first line of the ramdisk's init dates by its own clock."""
_CONSOLE_MARKERS = (
    ("firmware", re.compile(r"iPXE (\d|initialising)|>>Start PXE|Start HTTP Boot|Ingot: node ")),
    ("DHCP, first boot script", re.compile(r"/boot/ipxe")),
    (
        "kernel, unpacking the ramdisk",
        re.compile(r"ingot: init started after (?P<uptime>[0-9.]+) s"),
    ),
    ("network in the ramdisk", re.compile(r"ingot: network up")),
    ("agent start", re.compile(r"serving after [0-9.]+ s")),
)
_OS_MARKERS = (
    ("firmware and boot loader", re.compile(r"^\[\s*0\.\d+\] |Loading Linux|INGOT-OS-")),
    ("first boot to login prompt", re.compile(r"\blogin: ?$")),
)


def boot_markers(lines: Iterable[tuple[float, str]], *, of_system: bool) -> tuple[Marker, ...]:
    """Return the first appearance of every console marker, in the order in which a boot passes them.

    Args:
        lines: Console lines with their times, of one boot.
        of_system: Whether the deployed system boots rather than the ramdisk.
    """
    wanted = _OS_MARKERS if of_system else _CONSOLE_MARKERS
    found: list[Marker] = []
    index = 0
    for time_s, text in lines:
        for offset, (name, pattern) in enumerate(wanted[index:]):
            if match := pattern.search(text):
                if uptime := match.groupdict().get("uptime"):
                    found.append(Marker(time_s=time_s - float(uptime), name=DOWNLOAD))
                found.append(Marker(time_s=time_s, name=name))
                index += offset + 1
                break
    return tuple(found)
