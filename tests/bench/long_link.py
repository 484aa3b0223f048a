"""``make bench``, second part: a raw image over a line of 1 Gbit/s with a round trip of 20 ms.

Writes ``build/bench/link.json`` with rows as in ``image.json``, and a table with each tool's share of the line.
"""

import json
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.conditions import busy_note, conditions
from tests.bench.images.content import Published, image_folder, make_images
from tests.bench.images.disk import BenchDisk, bench_disk
from tests.bench.images.tools import OURS, TEE, Job, Programs, Tool, all_tools
from tests.bench.images.web_server import web_server
from tests.bench.link.line import FAR_ADDRESS, Line, long_line
from tests.bench.measure import run_measured
from tests.bench.options import MIB, OptionError, Options, read_options
from tests.bench.results import Result, Row, summarise
from tests.lab.namespace import inside

_ROOT = Path(__file__).resolve().parents[2]
_FOLDER = _ROOT / "build/bench"
_MBIT_PER_S, _ROUND_TRIP_MS = 1000, 20
_CASE = "raw, long line"
_GOAL = 0.9
_WIDTH = 110


def main() -> int:
    """Run both tools in turns; 2 = an option is wrong."""
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    try:
        options = read_options(os.environ)
    except OptionError as error:
        console.print(str(error), style="red")
        return 2
    _FOLDER.mkdir(parents=True, exist_ok=True)
    folder = image_folder(_FOLDER, options.virtual_bytes, options.data_bytes)
    image = make_images(folder, ("raw",), options.virtual_bytes, options.data_bytes)["raw"]
    about = conditions()
    with (
        tempfile.TemporaryDirectory(prefix="link-", dir=_FOLDER) as scratch,
        long_line(_MBIT_PER_S, _ROUND_TRIP_MS) as line,
        inside(line.far),
        web_server(folder, Path(scratch), FAR_ADDRESS) as url,
        bench_disk(_FOLDER, options.virtual_bytes) as disk,
    ):
        rows = [
            _run(tool, line, f"{url}/{image.name}", image, disk, options, number, console)
            for number in range(1, options.rounds + 1)
            for tool in _tools(options.tools)
        ]
    note = busy_note(float(about["load_at_start"]))
    document = {
        "conditions": about,
        "line": {"mbit_per_s": _MBIT_PER_S, "round_trip_ms": _ROUND_TRIP_MS},
        "notes": [note] if note else [],
        "rows": [asdict(row) for row in rows],
        "summary": [asdict(line) for line in summarise(rows)],
    }
    (_FOLDER / "link.json").write_text(json.dumps(document, indent=1))
    console.print(_table(rows, options))
    if note:
        console.print(f"- {note}", markup=False)
    return 0


def _tools(wanted: tuple[str, ...]) -> list[Tool]:
    programs = Programs(python=sys.executable, real_agent=None, c_loop=None, has_qemu_http=False)
    return [tool for tool in all_tools(programs) if tool.name in (wanted or (OURS, TEE))]


def _run(
    tool: Tool,
    line: Line,
    url: str,
    image: Published,
    disk: BenchDisk,
    options: Options,
    number: int,
    console: Console,
) -> Row:
    disk.reset(options.disk_state)
    with tempfile.TemporaryDirectory(prefix="link-run-", dir=_FOLDER) as scratch:
        job = Job(
            case="raw", url=url, sha256=image.sha256, device=str(disk.path), scratch=Path(scratch)
        )
        enter = ["nsenter", f"--net=/run/netns/{line.near}"]
        log = _FOLDER / "run.log"
        measured = run_measured([*enter, *tool.command(job)], limit_s=options.limit_s, log=log)
    result = Result.FAILED if measured.exit_code else Result.RIGHT
    if measured.exit_code is None:
        result = Result.TIME_LIMIT
    elif result is Result.RIGHT and disk.sha256() != image.sha256:
        result = Result.WRONG
    share = options.virtual_bytes * 8 / measured.seconds / (_MBIT_PER_S * 1e6)
    console.print(
        f"{_CASE}  round {number}  {tool.name:32} {measured.seconds:7.2f} s  {share:.2f} of the line  {result}"
    )
    return Row(
        case=_CASE,
        tool=tool.name,
        round=number,
        seconds=round(measured.seconds, 3),
        cpu_seconds=round(measured.cpu_seconds, 3),
        peak_memory_mib=round(measured.peak_bytes / MIB, 1),
        bytes=options.virtual_bytes,
        result=result,
    )


def _table(rows: list[Row], options: Options) -> Table:
    table = Table(title=f"{_MBIT_PER_S} Mbit/s, {_ROUND_TRIP_MS} ms round trip (goal: {_GOAL})")
    for name in ("tool", "seconds", "share of the line", "CPU s", "peak MiB", "right"):
        table.add_column(name)
    for summary in summarise(rows):
        share = (
            "-"
            if summary.seconds is None
            else f"{options.virtual_bytes * 8 / summary.seconds / (_MBIT_PER_S * 1e6):.2f}"
        )
        table.add_row(
            summary.tool,
            f"{summary.seconds} ({summary.seconds_min}-{summary.seconds_max})",
            share,
            str(summary.cpu_seconds),
            str(summary.peak_memory_mib),
            f"{summary.right} of {summary.runs}",
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
