"""What each driver takes for calls to many BMCs with which nothing is wrong."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.api_results import percentiles_ms
from tests.bench.bmc_results import BmcRow
from tests.bench.bmcs.drivers import LOOK, PROTOCOLS, SWITCH_ON
from tests.bench.bmcs.plan import well_bmcs
from tests.bench.bmcs.rack import racks
from tests.bench.control_group import ControlGroup, new_group
from tests.bench.memory import tree_bytes
from tests.bench.options import MIB

_ROOT = Path(__file__).resolve().parents[3]
THREADS = 32
"""Calls at the same time."""
_CALLS = (("first look", LOOK), ("look", LOOK), ("look", LOOK), ("power on", SWITCH_ON))


def measure_drivers(names: Sequence[str], nodes: int, certificate: Path) -> Iterator[BmcRow]:
    """Measure one driver after the other, each with BMCs that know nobody yet."""
    for name in names:
        bmcs = well_bmcs(PROTOCOLS[name], nodes)
        with racks(bmcs, certificate):
            infos = [one.driver_info(_trusted(certificate)) for one in bmcs]
            yield from _measure(name, infos)


def _trusted(certificate: Path) -> str:
    return str(certificate.with_suffix(".crt"))


def _measure(name: str, infos: Sequence[dict[str, Any]]) -> Iterator[BmcRow]:
    with _group() as group:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.bmcs.caller", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
            preexec_fn=group.enter if group else None,  # noqa: PLW1509  # no other thread runs
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            print(json.dumps(infos), file=process.stdin, flush=True)
            process.stdout.readline()
            for kind, call in _CALLS:
                before_s = group.cpu_seconds() if group else 0
                print(
                    json.dumps({"call": call, "threads": THREADS}), file=process.stdin, flush=True
                )
                said = json.loads(process.stdout.readline())
                used_s = group.cpu_seconds() - before_s if group else float("nan")
                p50_ms, p99_ms = percentiles_ms(said["latencies_s"])
                yield BmcRow(
                    driver=name,
                    call=kind,
                    nodes=len(infos),
                    threads=THREADS,
                    errors=len(said["errors"]),
                    first_error=next(iter(said["errors"]), None),
                    calls_per_second=round(len(infos) / said["seconds"], 1),
                    p50_ms=round(p50_ms, 1),
                    p99_ms=round(p99_ms, 1),
                    cpu_ms_per_call=round(used_s * 1000 / len(infos), 2),
                    memory_mib=round(tree_bytes(process.pid) / MIB, 1),
                )
        finally:
            process.kill()
            process.communicate()


@contextmanager
def _group() -> Iterator[ControlGroup | None]:
    group = new_group(f"ingot-bench-bmc-{os.getpid()}")
    try:
        yield group
    finally:
        if group is not None:
            group.kill()
            group.remove()
