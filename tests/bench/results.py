"""Rows of the image benchmark, their medians, and the goals they are held against. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from tests.bench.images.tools import (
    C_LOOP,
    GZIP_PIPE,
    OURS,
    REAL_AGENT,
    XZ_PIPE,
    ZSTD_PIPE,
)
from tests.bench.options import CASES

MEMORY_GOAL_MIB = 64


class Result(StrEnum):
    """What became of a run."""

    RIGHT = "right"
    WRONG = "wrong content"
    FAILED = "failed"
    TIME_LIMIT = "time limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One run; ``bytes`` is the size of the disk image that was to be written."""

    case: str
    tool: str
    round: int
    seconds: float
    cpu_seconds: float
    peak_memory_mib: float
    bytes: int
    result: Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All runs of one tool in one case: medians, and the spread of the seconds.

    Runs that did not end right are left out of the medians; ``None`` = no run ended right.
    """

    case: str
    tool: str
    bytes: int
    runs: int
    right: int
    worst: Result
    seconds: float | None
    seconds_min: float | None
    seconds_max: float | None
    cpu_seconds: float | None
    peak_memory_mib: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """Ours against ``rival``: its seconds divided by ours at least ``factor``; with ``of_cpu`` our CPU share at most."""

    case: str
    rival: str
    factor: float
    of_cpu: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A goal in words and what was measured; ``is_reached`` = ``None``: one side has no right run."""

    what: str
    wanted: str
    measured: str
    is_reached: bool | None


GOALS = (
    Goal(case="raw", rival=REAL_AGENT, factor=2.2),
    Goal(case="raw", rival=C_LOOP, factor=1.5),
    Goal(case="raw", rival=REAL_AGENT, factor=0.6, of_cpu=True),
    Goal(case="qcow2", rival=REAL_AGENT, factor=3.5),
    Goal(case="qcow2-zlib", rival=REAL_AGENT, factor=2.5),
    Goal(case="qcow2-zstd", rival=REAL_AGENT, factor=2.4),
    Goal(case="raw.zst", rival=ZSTD_PIPE, factor=2.3),
    Goal(case="raw.gz", rival=GZIP_PIPE, factor=3.0),
    Goal(case="raw.xz", rival=XZ_PIPE, factor=1.3),
)


def summarise(rows: Sequence[Row]) -> tuple[Summary, ...]:
    """Return one summary for each case and tool, in the order in which they first ran."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.case, row.tool), []).append(row)
    return tuple(_summary(case, tool, runs) for (case, tool), runs in groups.items())


def _summary(case: str, tool: str, runs: Sequence[Row]) -> Summary:
    order = tuple(Result)
    good = [row for row in runs if row.result is Result.RIGHT]
    return Summary(
        case=case,
        tool=tool,
        bytes=runs[0].bytes,
        runs=len(runs),
        right=len(good),
        worst=max((row.result for row in runs), key=order.index),
        seconds=_median(row.seconds for row in good),
        seconds_min=min((row.seconds for row in good), default=None),
        seconds_max=max((row.seconds for row in good), default=None),
        cpu_seconds=_median(row.cpu_seconds for row in good),
        peak_memory_mib=max((row.peak_memory_mib for row in good), default=None),
    )


def _median(values: Iterable[float]) -> float | None:
    known = list(values)
    return median(known) if known else None


def find(summaries: Iterable[Summary], case: str, tool: str) -> Summary | None:
    """Return the summary of a tool in a case; ``None`` = it did not run."""
    return next((s for s in summaries if (s.case, s.tool) == (case, tool)), None)


def judge(summaries: Sequence[Summary]) -> tuple[Verdict, ...]:
    """Hold the goals, and the memory limit of every case, against what was measured; cases that did not run are left out."""
    verdicts = []
    for goal in GOALS:
        ours, rival = find(summaries, goal.case, OURS), find(summaries, goal.case, goal.rival)
        if ours is not None and rival is not None:
            verdicts.append(_judge(goal, ours, rival))
    for case in CASES:
        if (ours := find(summaries, case, OURS)) is not None:
            peak = ours.peak_memory_mib
            verdicts.append(
                Verdict(
                    what=f"{case}: most memory",
                    wanted=f"<= {MEMORY_GOAL_MIB} MiB",
                    measured="no right run" if peak is None else f"{peak:.0f} MiB",
                    is_reached=None if peak is None else peak <= MEMORY_GOAL_MIB,
                )
            )
    return tuple(verdicts)


def _judge(goal: Goal, ours: Summary, rival: Summary) -> Verdict:
    if goal.of_cpu:
        what, wanted = f"{goal.case}: CPU share of {goal.rival}", f"<= {goal.factor:g}"
        above, below = ours.cpu_seconds, rival.cpu_seconds
    else:
        what, wanted = f"{goal.case}: times as fast as {goal.rival}", f">= {goal.factor:g}"
        above, below = rival.seconds, ours.seconds
    if not above or not below:
        return Verdict(what=what, wanted=wanted, measured="no right run", is_reached=None)
    ratio = above / below
    reached = ratio <= goal.factor if goal.of_cpu else ratio >= goal.factor
    return Verdict(what=what, wanted=wanted, measured=f"{ratio:.2f}", is_reached=reached)
