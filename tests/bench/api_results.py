"""Rows of the API benchmark, their medians and the table. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRow:
    """One kind of request to one server in one round.

    ``requests_per_second`` counts until the last answer, ``cpu_ms`` (per request) until the server was quiet again;
    ``recorded`` = how many heartbeats were found in the node afterwards, ``None`` = no heartbeats.
    """

    server: str
    kind: str
    round: int
    requests: int
    errors: int
    requests_per_second: float
    cpu_ms: float
    p50_ms: float
    p99_ms: float
    body_bytes: int
    recorded: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSummary:
    """Medians over the rounds."""

    server: str
    kind: str
    rounds: int
    errors: int
    requests_per_second: float
    requests_per_second_min: float
    requests_per_second_max: float
    cpu_ms: float
    p50_ms: float
    p99_ms: float
    body_bytes: int
    not_recorded: int


def percentiles_ms(latencies_s: Sequence[float]) -> tuple[float, float]:
    """Return the 50th and the 99th percentile in milliseconds; NaN without a latency."""
    if len(latencies_s) < 2:  # quantiles wants two
        only = latencies_s[0] * 1000 if latencies_s else float("nan")
        return only, only
    cuts = quantiles(latencies_s, n=100, method="inclusive")
    return cuts[49] * 1000, cuts[98] * 1000


def summarise_api(rows: Sequence[ApiRow]) -> tuple[ApiSummary, ...]:
    """Return one summary for each kind and server: kinds, and servers of a kind, in the order in which they first ran."""
    kinds = list(dict.fromkeys(row.kind for row in rows))
    groups: dict[tuple[str, str], list[ApiRow]] = {}
    for row in sorted(rows, key=lambda row: kinds.index(row.kind)):
        groups.setdefault((row.kind, row.server), []).append(row)
    return tuple(
        ApiSummary(
            server=server,
            kind=kind,
            rounds=len(runs),
            errors=sum(row.errors for row in runs),
            requests_per_second=median(row.requests_per_second for row in runs),
            requests_per_second_min=min(row.requests_per_second for row in runs),
            requests_per_second_max=max(row.requests_per_second for row in runs),
            cpu_ms=median(row.cpu_ms for row in runs),
            p50_ms=median(row.p50_ms for row in runs),
            p99_ms=median(row.p99_ms for row in runs),
            body_bytes=runs[-1].body_bytes // max(1, runs[-1].requests),
            not_recorded=sum(
                row.requests - row.recorded for row in runs if row.recorded is not None
            ),
        )
        for (kind, server), runs in groups.items()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """How many times our processor time theirs is; ``goal``: what it shall be at least, ``None`` = there is none."""

    kind: str
    cpu: float
    goal: float | None


_GOALS: Mapping[str, float] = {
    "enrol a node": 8.0,
    "node": 8.0,
    "list of 1000": 25.0,
    "detail of 1000": 15.0,
    "lookup": 15.0,
}


def ratios(summaries: Sequence[ApiSummary], ours: str, theirs: str) -> tuple[Ratio, ...]:
    """Return the ratio of each kind of request that both were asked and ours took time for."""
    cpu_ms = {(line.kind, line.server): line.cpu_ms for line in summaries}
    kinds = dict.fromkeys(line.kind for line in summaries)
    return tuple(
        Ratio(
            kind=kind,
            cpu=round(cpu_ms[kind, theirs] / cpu_ms[kind, ours], 1),
            goal=_GOALS.get(kind),
        )
        for kind in kinds
        if cpu_ms.get((kind, ours)) and (kind, theirs) in cpu_ms
    )


def api_table(summaries: Sequence[ApiSummary]) -> Table:
    """Return one line for each kind of request and server."""
    table = Table(title="API: medians (min-max) over 4 connections; CPU of the server per request")
    for name in ("request", "server"):
        table.add_column(name, no_wrap=True)
    for name in ("requests/s", "CPU ms", "p50 ms", "p99 ms", "answer bytes"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    last_kind = ""
    for line in summaries:
        if last_kind not in ("", line.kind):
            table.add_section()
        low, high = line.requests_per_second_min, line.requests_per_second_max
        table.add_row(
            "" if line.kind == last_kind else line.kind,
            line.server,
            f"{line.requests_per_second:.0f} ({low:.0f}-{high:.0f})",
            f"{line.cpu_ms:.1f}",
            f"{line.p50_ms:.1f}",
            f"{line.p99_ms:.1f}",
            str(line.body_bytes),
            _troubles(line),
            style="bold" if line.server == "ingot" else "",
        )
        last_kind = line.kind
    return table


def _troubles(line: ApiSummary) -> str:
    parts = [f"{line.errors} refused"] if line.errors else []
    parts += [f"{line.not_recorded} not recorded"] if line.not_recorded else []
    return ", ".join(parts)
