"""How much memory a program may take without driving others out."""

import re

from agent.system.sysfs import SysRoot

_AVAILABLE = re.compile(r"^MemAvailable:\s*(\d{1,15}) kB$", re.MULTILINE)


def available_bytes(sys_root: SysRoot) -> int | None:
    """Return what the kernel thinks can be had (proc(5), ``MemAvailable``); ``None`` = it does not say."""
    memory = _AVAILABLE.search(sys_root.text("proc/meminfo") or "")
    return int(memory[1]) << 10 if memory else None
