"""Which other NVMe namespaces are on the same drive."""

import re
from collections.abc import Iterator
from pathlib import Path

from agent.system.sysfs import SysRoot

_NAMESPACE = re.compile(r"nvme\d+n\d+")


def is_namespace(path: Path) -> bool:
    """Say whether a device node is that of an NVMe namespace."""
    return _NAMESPACE.fullmatch(path.name) is not None


def other_namespaces(sys_root: SysRoot, path: Path) -> Iterator[Path]:
    """Yield the namespaces that this machine sees of the drive of ``path``, without itself: those of a subsystem of the same name."""
    mine = _subsystem(sys_root, path.name) if is_namespace(path) else None
    if mine is None:
        return
    for folder in sorted(sys_root.at("sys/block").glob("nvme*")):
        other = Path("/dev") / folder.name
        if other != path and is_namespace(other) and _subsystem(sys_root, other.name) == mine:
            yield other


def _subsystem(sys_root: SysRoot, name: str) -> str | None:
    return sys_root.text("sys/block", name, "device/subsysnqn")
