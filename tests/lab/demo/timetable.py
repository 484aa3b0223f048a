"""Where the time went: markers on one clock become rows. Pure.

Markers come from three witnesses: the machine (power), its serial console (firmware, kernel, agent, login prompt) and the
controller (states, steps).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

DOWNLOAD = "kernel and ramdisk download"
"""Ends when the kernel starts, which the first line of the ramdisk's init dates by its own clock."""
_CONSOLE_MARKERS = (
    ("firmware", re.compile(r"iPXE (\d|initialising)|>>Start PXE|Start HTTP Boot")),
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

_STEP_ENDED = re.compile(r"\b(clean|deploy) step (?P<step>\S+) ended\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """Something was over at ``time_s``: ``name`` is what the time before it was spent on."""

    time_s: float
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    name: str
    seconds: float


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


def step_markers(history: Iterable[tuple[float, str]]) -> tuple[Marker, ...]:
    """Return the end of every step that the node's history tells of; its texts with their times, oldest first."""
    found = ((time_s, _STEP_ENDED.search(text)) for time_s, text in history)
    return tuple(
        Marker(time_s=time_s, name=f"step {match['step']}") for time_s, match in found if match
    )


def rows(start_s: float, markers: Sequence[Marker]) -> tuple[Row, ...]:
    """Return the time before each marker; markers are put in order of time, same names are added up in place."""
    table: dict[str, float] = {}
    last_s = start_s
    for marker in sorted(markers, key=lambda marker: marker.time_s):
        if marker.time_s < last_s:
            continue
        table[marker.name] = table.get(marker.name, 0.0) + marker.time_s - last_s
        last_s = marker.time_s
    return tuple(Row(name=name, seconds=seconds) for name, seconds in table.items())
