"""Rows of the benchmark of BMCs, and its tables. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from rich.table import Table

from tests.bench.bmcs.plan import BenchBmc, Fault

GOAL_S = 15.0
"""Until all machines with healthy BMCs are on, of 500 of which a tenth is dead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BmcRow:
    """One call to each of ``nodes`` BMCs, ``threads`` at the same time.

    ``memory_mib`` is that of the driver's processes after the calls; latencies are of the calls that did not fail.
    """

    driver: str
    call: str
    nodes: int
    threads: int
    errors: int
    first_error: str | None
    calls_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_ms_per_call: float
    memory_mib: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveRow:
    """How long it took from the first order until machines of one kind were on, and until the API said so, in seconds.

    ``None`` = not all of them (``on``, ``known``: so many were).
    """

    protocol: str
    fault: str
    nodes: int
    on: int
    known: int
    half_on_s: float | None
    all_on_s: float | None
    all_known_s: float | None


def wave_rows(
    bmcs: Sequence[BenchBmc],
    began: float,
    on_at: Mapping[str, float | None],
    known_at: Mapping[str, float],
) -> tuple[WaveRow, ...]:
    """Return one row for each protocol and fault, and one for all that are well; times are of one clock, in seconds."""
    groups: dict[tuple[str, Fault], list[BenchBmc]] = {}
    for bmc in bmcs:
        groups.setdefault((bmc.protocol, bmc.fault), []).append(bmc)
    rows = [
        _wave_row(protocol, fault, group, began, on_at, known_at)
        for (protocol, fault), group in groups.items()
    ]
    well = [bmc for bmc in bmcs if bmc.fault is Fault.NONE]
    return (_wave_row("both", Fault.NONE, well, began, on_at, known_at), *rows)


def _wave_row(
    protocol: str,
    fault: Fault,
    bmcs: Sequence[BenchBmc],
    began: float,
    on_at: Mapping[str, float | None],
    known_at: Mapping[str, float],
) -> WaveRow:
    on = [at - began for bmc in bmcs if (at := on_at[bmc.name]) is not None]
    known = [known_at[bmc.name] - began for bmc in bmcs if bmc.name in known_at]
    return WaveRow(
        protocol=protocol,
        fault=fault,
        nodes=len(bmcs),
        on=len(on),
        known=len(known),
        half_on_s=round(median(on), 2) if on else None,
        all_on_s=round(max(on), 2) if on and len(on) == len(bmcs) else None,
        all_known_s=round(max(known), 2) if known and len(known) == len(bmcs) else None,
    )


def driver_table(rows: Sequence[BmcRow]) -> Table:
    """Return one line for each driver and kind of call."""
    table = Table(title="Calls to BMCs with which nothing is wrong")
    for name in ("driver", "call"):
        table.add_column(name, no_wrap=True)
    for name in ("BMCs", "calls/s", "p50 ms", "p99 ms", "CPU ms", "memory MiB", "errors"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.driver,
            row.call,
            str(row.nodes),
            f"{row.calls_per_second:.0f}",
            f"{row.p50_ms:.0f}",
            f"{row.p99_ms:.0f}",
            f"{row.cpu_ms_per_call:.1f}",
            f"{row.memory_mib:.0f}",
            str(row.errors),
        )
    return table


def wave_table(rows: Sequence[WaveRow]) -> Table:
    """Return one line for each kind of BMC."""
    table = Table(title=f"Power on of all at once (goal: the well ones on in {GOAL_S:g} s)")
    for name in ("BMCs", "fault"):
        table.add_column(name, no_wrap=True)
    for name in ("nodes", "on", "half on, s", "all on, s", "API says so, s"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        times = (row.half_on_s, row.all_on_s, row.all_known_s)
        shown = ("-" if time_s is None else f"{time_s:.1f}" for time_s in times)
        table.add_row(row.protocol, row.fault, str(row.nodes), str(row.on), *shown)
    return table
