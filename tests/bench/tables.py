"""The tables on the terminal."""

from collections.abc import Sequence

from rich.table import Table

from tests.bench.images.tools import OURS
from tests.bench.options import GIB
from tests.bench.results import Result, Summary, Verdict, find


def image_table(summaries: Sequence[Summary]) -> Table:
    """Return one line for each case and tool; "gain" is its seconds divided by ours."""
    table = Table(title="Image URL to flushed disk: medians (min-max); memory: most of all rounds")
    for name in ("case", "tool"):
        table.add_column(name, no_wrap=True)
    for name in ("seconds", "gain", "CPU s", "CPU s/GiB", "peak MiB"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("content")
    last_case = ""
    for line in summaries:
        if last_case not in ("", line.case):
            table.add_section()
        ours = find(summaries, line.case, OURS)
        table.add_row(
            "" if line.case == last_case else line.case,
            line.tool,
            _spread(line),
            _gain(line, ours),
            _number(line.cpu_seconds, 2),
            _number(None if line.cpu_seconds is None else line.cpu_seconds * GIB / line.bytes, 2),
            _number(line.peak_memory_mib, 0),
            _content(line),
            style="bold" if line.tool == OURS else "",
        )
        last_case = line.case
    return table


def goal_table(verdicts: Sequence[Verdict]) -> Table:
    """Return the goals and what was measured."""
    table = Table(title="Goals")
    table.add_column("goal")
    for name in ("wanted", "measured"):
        table.add_column(name, justify="right")
    table.add_column("")
    words = {True: "reached", False: "[red]missed[/red]", None: "not measured"}
    for line in verdicts:
        table.add_row(line.what, line.wanted, line.measured, words[line.is_reached])
    return table


def _spread(line: Summary) -> str:
    if line.seconds is None:
        return "-"
    return f"{line.seconds:.2f} ({line.seconds_min:.2f}-{line.seconds_max:.2f})"


def _gain(line: Summary, ours: Summary | None) -> str:
    if line.tool == OURS or ours is None or not ours.seconds or line.seconds is None:
        return ""
    return f"{line.seconds / ours.seconds:.2f}"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _content(line: Summary) -> str:
    if line.worst is Result.RIGHT:
        return "right"
    return f"[red]{line.worst}[/red] ({line.runs - line.right} of {line.runs})"
