"""The kernel command line as a mapping.

Source of the syntax: Linux ``Documentation/admin-guide/kernel-parameters.rst`` and ``lib/cmdline.c`` (``next_arg``): arguments
are separated by blanks; double quotes, around the value or around the whole argument, keep blanks.
"""

import re
from collections.abc import Mapping
from pathlib import Path

PROC_CMDLINE = Path("/proc/cmdline")
_MAC_OCTETS = 6


def split_arguments(text: str) -> tuple[tuple[str, str | None], ...]:
    """Return (name, value) of every argument in order; ``None`` = given without ``=``."""
    found = []
    for word in re.findall(r'(?:"[^"]*"?|[^\s"])+', text):
        name, equals, value = word.replace('"', "").partition("=")
        found.append((name, value if equals else None))
    return tuple(found)


def parse_kernel_cmdline(text: str) -> Mapping[str, str | None]:
    """Return the arguments by name; of one that is given twice the last counts."""
    return dict(split_arguments(text))


def mac_of_bootif(value: str) -> str | None:
    """Return the MAC address in ``BOOTIF``, or ``None`` if there is none in it.

    PXELINUX writes ``01-52-54-00-12-34-56`` (hardware type first, Ethernet is 01), iPXE's ``${mac}`` plain colons.
    """
    octets = re.split(r"[-:]", value.strip().lower())
    if len(octets) == _MAC_OCTETS + 1:
        octets = octets[1:]
    if len(octets) != _MAC_OCTETS or not all(re.fullmatch(r"[0-9a-f]{2}", o) for o in octets):
        return None
    return ":".join(octets)
