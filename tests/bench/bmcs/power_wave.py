"""One controller switches all machines on at once, some of which have BMCs with faults."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.bmc_results import WaveRow, wave_rows
from tests.bench.bmcs.plan import BenchBmc, Fault
from tests.bench.bmcs.rack import Rack, racks
from tests.bench.control_group import new_group
from tests.bench.memory import tree_bytes
from tests.bench.options import MIB
from tests.bench.servers.load import Request, send
from tests.bench.servers.server import Server
from tests.bench.servers.start import our_controller

_SETTINGS = """
state_directory = "{root}/state"
hostname = "bench"
listen_port = {port}
log_level = "WARNING"
"""
"""Its defaults, so that it also looks at the power of idle machines meanwhile."""
_ORDERERS = 8
_LOOK_S = 0.25
_WEIGH_S = 2.0
"""So rarely the memory is read: of many processes that takes time itself."""
_LONGEST_S = 180.0
_ILL_S = 60.0
"""The slow and the lossy ones are watched for so long after the well ones are on."""
_STATES = "/v1/nodes?fields=name,power_state,target_power_state,last_error&limit=1000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """What came of it; ``orders_s`` = until the last order was accepted, processor time and memory (PSS) of all its processes."""

    nodes: int
    orders_s: float
    orders_refused: int
    rows: tuple[WaveRow, ...]
    watched_s: float
    cpu_s: float
    memory_mib: float
    memory_before_mib: float
    errors: Mapping[str, int]
    """How often each beginning of a last error was seen at the end."""


def measure_wave(bmcs: Sequence[BenchBmc], folder: Path, certificate: Path) -> Wave:
    """Enrol all, then switch all on."""
    trusted = str(certificate.with_suffix(".crt"))
    group = new_group(f"ingot-bench-wave-{os.getpid()}")
    try:
        with racks(bmcs, certificate) as running, our_controller(folder, _SETTINGS) as server:
            if group is not None:
                group.take(server.program.pid)
            _enrol(server, bmcs, trusted)
            server.wait_until_quiet()
            memory_before = tree_bytes(server.program.pid) / MIB
            before_s = group.cpu_seconds() if group else server.cpu_seconds()
            began = time.monotonic()
            orders = [
                Request(
                    method="PUT",
                    path=f"/v1/nodes/{bmc.name}/states/power",
                    body={"target": "power on"},
                )
                for bmc in bmcs
            ]
            answers = send(server.url, orders, _ORDERERS)
            known_at, memory_mib = _watch(server, bmcs, began)
            used_s = (group.cpu_seconds() if group else server.cpu_seconds()) - before_s
            return Wave(
                nodes=len(bmcs),
                orders_s=round(answers.seconds, 2),
                orders_refused=len(answers.errors),
                rows=wave_rows(bmcs, began, _on_at(running), known_at),
                watched_s=round(time.monotonic() - began, 1),
                cpu_s=round(used_s, 1),
                memory_mib=round(memory_mib, 1),
                memory_before_mib=round(memory_before, 1),
                errors=_errors(server),
            )
    finally:
        if group is not None:
            group.kill()  # of the controller's children, those that wait for the dead end last
            group.remove()


def _enrol(server: Server, bmcs: Sequence[BenchBmc], trusted: str) -> None:
    bodies = [
        {
            "name": bmc.name,
            "driver": bmc.protocol,
            "driver_info": bmc.driver_info(trusted),
        }
        for bmc in bmcs
    ]
    answers = send(server.url, [Request(method="POST", path="/v1/nodes", body=b) for b in bodies])
    if answers.errors:
        raise RuntimeError(f"a node could not be enrolled: {answers.errors[0]}")
    server.set_state([node["uuid"] for node in answers.documents], "active")


def _watch(
    server: Server, bmcs: Sequence[BenchBmc], began: float
) -> tuple[dict[str, float], float]:
    """Return when the API first said that each machine is on, and the most memory that was seen."""
    well = {bmc.name for bmc in bmcs if bmc.fault is Fault.NONE}
    could_be = {bmc.name for bmc in bmcs if bmc.fault in {Fault.NONE, Fault.SLOW, Fault.LOSSY}}
    known_at: dict[str, float] = {}
    memory, weigh_at, give_up_at = 0.0, began + _WEIGH_S, began + _LONGEST_S
    while time.monotonic() < give_up_at and not could_be <= known_at.keys():
        for node in _states(server):
            if node["power_state"] == "power on":
                known_at.setdefault(node["name"], time.monotonic())
        if time.monotonic() >= weigh_at:
            memory = max(memory, tree_bytes(server.program.pid) / MIB)
            weigh_at = time.monotonic() + _WEIGH_S
        if well <= known_at.keys():
            give_up_at = min(give_up_at, max(known_at[name] for name in well) + _ILL_S)
        time.sleep(_LOOK_S)
    return known_at, memory


def _states(server: Server) -> Sequence[dict[str, Any]]:
    (document,) = send(server.url, [Request(method="GET", path=_STATES)], 1).documents
    return list(document["nodes"]) if document else []


def _on_at(running: Sequence[Rack]) -> dict[str, float | None]:
    return {name: at for rack in running for name, at in rack.on_at().items()}


def _errors(server: Server) -> dict[str, int]:
    """Count the last errors, without the names and numbers in them."""
    counts: dict[str, int] = {}
    for node in _states(server):
        if error := node["last_error"]:
            words = " ".join(word for word in error.split() if not any(c.isdigit() for c in word))
            counts[words[:160]] = counts.get(words[:160], 0) + 1
    return counts
