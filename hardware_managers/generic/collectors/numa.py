"""Collector ``numa-topology``: which processors, memory and cards are near each other, from sysfs, in the shape of Ironic's agent."""

import re
from typing import Any

from agent.errors import AgentError
from agent.system.sysfs import SysRoot

_NODES, _NICS = "sys/devices/system/node", "sys/class/net"
_MEMORY = re.compile(r"MemTotal:\s*(\d+) kB")


def numa_topology(root: SysRoot) -> dict[str, Any]:
    """Return ``numa_topology``: ``ram`` (KiB), ``cpus`` (cores with their threads) and ``nics``; nothing of a kernel without NUMA.

    Raises:
        AgentError: A node has no memory figure.
    """
    folder = root.at(_NODES)
    if not folder.is_dir():
        return {}
    numbers = _numbered(root, _NODES, "node")
    topology = {
        "ram": [{"numa_node": node, "size_kb": _memory_kib(root, node)} for node in numbers],
        "cpus": [core for node in numbers for core in _cores(root, node)],
        "nics": _nics(root),
    }
    return {"numa_topology": topology}


def _numbered(root: SysRoot, folder: str, prefix: str) -> list[int]:
    """Return the numbers of the entries ``<prefix><number>`` of a folder, in order."""
    names = [entry.name.removeprefix(prefix) for entry in root.at(folder).glob(f"{prefix}[0-9]*")]
    return sorted(int(name) for name in names if name.isdecimal())


def _memory_kib(root: SysRoot, node: int) -> int:
    found = _MEMORY.search(root.text(_NODES, f"node{node}", "meminfo") or "")
    if found is None:
        raise AgentError(f"/{_NODES}/node{node}/meminfo: no line MemTotal in kB")
    return int(found[1])


def _cores(root: SysRoot, node: int) -> list[dict[str, Any]]:
    """Return the cores of a node with their threads; a thread that is switched off has no core."""
    threads: dict[int, list[int]] = {}
    for thread in _numbered(root, f"{_NODES}/node{node}", "cpu"):
        core = root.number(_NODES, f"node{node}", f"cpu{thread}", "topology/core_id")
        if core is not None:
            threads.setdefault(core, []).append(thread)
    return [
        {"cpu": core, "numa_node": node, "thread_siblings": siblings}
        for core, siblings in threads.items()
    ]


def _nics(root: SysRoot) -> list[dict[str, Any]]:
    folder = root.at(_NICS)
    names = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
    near = {name: root.number(_NICS, name, "device/numa_node") for name in names}
    return [{"name": name, "numa_node": node} for name, node in near.items() if node is not None]
