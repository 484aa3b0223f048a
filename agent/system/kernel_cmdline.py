"""The kernel command line as a mapping.

Source of the syntax: Linux ``Documentation/admin-guide/kernel-parameters.rst`` and ``lib/cmdline.c`` (``next_arg``): arguments
are separated by blanks; double quotes, around the value or around the whole argument, keep blanks.
"""

import re
from collections.abc import Mapping
from pathlib import Path

PROC_CMDLINE = Path("/proc/cmdline")


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
