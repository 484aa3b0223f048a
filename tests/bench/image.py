"""``make bench``, first part: image URL to flushed disk, ours and others in the same run, in interleaved rounds.

Writes ``build/bench/image.json``, ``image.svg`` and a table. Measures and never judges by exit status.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.console import Console

from tests.bench.conditions import busy_note, conditions
from tests.bench.images.content import Published, image_folder, make_images
from tests.bench.images.disk import Disk, bench_disk
from tests.bench.images.sparse import make_sparse, sparse_disk
from tests.bench.images.tools import Job, Programs, Tool, all_tools
from tests.bench.images.web_server import web_server
from tests.bench.measure import Measured, run_measured
from tests.bench.options import MIB, SPARSE_CASES, OptionError, Options, read_options
from tests.bench.plot import image_plot
from tests.bench.results import Result, Row, judge, summarise
from tests.bench.tables import goal_table, image_table

_ROOT = Path(__file__).resolve().parents[2]
_FOLDER = _ROOT / "build/bench"
_REAL_AGENT = _ROOT / "build/peers/ipa/bin/python"
_C_SOURCE = Path(__file__).parent / "images/one_thread.c"
_WIDTH = 130
"""Columns of the tables in a file or a pipe."""
_MEMORY_FOLDER = Path("/dev/shm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """Where the runs happen."""

    options: Options
    url: str
    disk: Disk
    images: dict[str, Published]
    console: Console
    notes: list[str]


def main() -> int:
    """Run everything; 2 = an option is wrong."""
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    try:
        options = read_options(os.environ)
    except OptionError as error:
        console.print(str(error), style="red")
        return 2
    _FOLDER.mkdir(parents=True, exist_ok=True)
    folder = image_folder(_FOLDER, options.virtual_bytes, options.data_bytes)
    console.print(f"images: {folder.relative_to(_ROOT)}")
    cases = tuple(case for case in options.cases if case not in SPARSE_CASES)
    images = make_images(folder, cases, options.virtual_bytes, options.data_bytes)
    sparse = make_sparse(folder, tuple(case for case in options.cases if case in SPARSE_CASES))
    about = conditions()
    notes: list[str] = []
    tools = all_tools(_programs(notes))
    with (
        tempfile.TemporaryDirectory(prefix="web-", dir=_FOLDER) as scratch,
        web_server(folder, Path(scratch)) as url,
        bench_disk(_FOLDER, options.virtual_bytes) as disk,
    ):
        if not disk.is_direct:
            notes.append("the disk is a loop device with a page cache below it, unlike a real disk")
        stand = Stand(
            options=options, url=url, disk=disk, images=images, console=console, notes=notes
        )
        rows = [row for case in cases for row in _run_case(stand, case, tools)]
        if sparse:
            with sparse_disk(_FOLDER) as large:
                stand = replace(stand, disk=large, images=sparse)
                rows += [row for case in sparse for row in _run_case(stand, case, tools)]
        images |= sparse
    _report(options, images, about, notes, rows, console)
    return 0


def _programs(notes: list[str]) -> Programs:
    """Find or build the rivals; what is missing is noted."""
    real_agent = _REAL_AGENT if _REAL_AGENT.exists() else None
    if real_agent is None:
        notes.append(
            "left out: ironic-python-agent, build/peers/ipa is missing (make bench makes it)"
        )
    probe = ["qemu-img", "info", "http://127.0.0.1:9/"]
    said = subprocess.run(probe, capture_output=True, text=True, check=False).stderr
    has_qemu_http = "Unknown protocol" not in said
    if not has_qemu_http:
        notes.append("left out: qemu-img over HTTP, it needs the Debian package qemu-block-extra")
    return Programs(
        python=sys.executable,
        real_agent=real_agent,
        c_loop=_build_c_loop(notes),
        has_qemu_http=has_qemu_http,
    )


def _build_c_loop(notes: list[str]) -> Path | None:
    if shutil.which("gcc") is None:
        notes.append(
            "left out: one-thread C loop, there is no gcc (Debian packages gcc, libssl-dev)"
        )
        return None
    program = _FOLDER / "one_thread"
    build = ["gcc", "-O2", "-o", str(program), str(_C_SOURCE), "-lcrypto"]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        notes.append(f"left out: one-thread C loop, gcc says: {done.stderr.strip()[:300]}")
        return None
    return program


def _run_case(stand: Stand, case: str, tools: Sequence[Tool]) -> list[Row]:
    wanted = stand.options.tools
    chosen = [tool for tool in tools if case in tool.cases and (not wanted or tool.name in wanted)]
    rows: list[Row] = []
    for number in range(1, stand.options.rounds + 1):
        for tool in chosen:
            if any(row.tool == tool.name and row.result is Result.TIME_LIMIT for row in rows):
                continue
            row = _run(stand, case, tool, number)
            stand.console.print(
                f"{case:11} round {number}  {tool.name:32} {row.seconds:7.2f} s"
                f" {row.cpu_seconds:7.2f} CPU s {row.peak_memory_mib:6.0f} MiB  {row.result}"
            )
            rows.append(row)
    return rows


def _run(stand: Stand, case: str, tool: Tool, number: int) -> Row:
    image = stand.images[case]
    stand.disk.reset(stand.options.disk_state)
    memory = _MEMORY_FOLDER if _MEMORY_FOLDER.is_dir() else _FOLDER
    with tempfile.TemporaryDirectory(prefix="ingot-bench-", dir=memory) as scratch:
        job = Job(
            case=case,
            url=f"{stand.url}/{image.name}",
            sha256=image.sha256,
            device=str(stand.disk.path),
            scratch=Path(scratch),
        )
        measured = run_measured(
            tool.command(job),
            limit_s=min(stand.options.limit_s, tool.limit_s),
            log=_FOLDER / "run.log",
            environment=tool.environment(job),
        )
    return Row(
        case=case,
        tool=tool.name,
        round=number,
        seconds=round(measured.seconds, 3),
        cpu_seconds=round(measured.cpu_seconds, 3),
        peak_memory_mib=round(measured.peak_bytes / MIB, 1),
        bytes=stand.disk.size_bytes,
        result=_result(stand, tool, case, measured),
    )


def _result(stand: Stand, tool: Tool, case: str, measured: Measured) -> Result:
    """Look at the disk, outside of the measured time."""
    what = f"{case}, {tool.name}"
    if not measured.is_whole_memory:
        _note(
            stand,
            "memory is of the largest process without page cache: no memory control group here",
        )
    if measured.exit_code is None:
        return Result.TIME_LIMIT
    if measured.exit_code != 0:
        _note(stand, f"{what}: exit status {measured.exit_code}: {measured.output.strip()[-300:]}")
        return Result.FAILED
    if stand.disk.sha256() != stand.images[case].content_sha256:
        return Result.WRONG
    return Result.RIGHT


def _note(stand: Stand, text: str) -> None:
    if text not in stand.notes:
        stand.notes.append(text)


def _report(
    options: Options,
    images: dict[str, Published],
    about: dict[str, str | int | float],
    notes: list[str],
    rows: list[Row],
    console: Console,
) -> None:
    summaries, busy = summarise(rows), busy_note(float(about["load_at_start"]))
    if busy:
        notes.append(busy)
    verdicts = judge(summaries)
    document = {
        "conditions": about | {"load_at_end": round(os.getloadavg()[0], 2)},
        "options": asdict(options),
        "images": {case: asdict(image) for case, image in images.items()},
        "notes": notes,
        "rows": [asdict(row) for row in rows],
        "summary": [asdict(line) for line in summaries],
        "goals": [asdict(line) for line in verdicts],
    }
    (_FOLDER / "image.json").write_text(json.dumps(document, indent=1))
    (_FOLDER / "image.svg").write_text(image_plot(summaries))
    console.print(image_table(summaries))
    console.print(goal_table(verdicts))
    for note in notes:
        console.print(f"- {note}", markup=False, highlight=False)
    console.print(f"written: {_FOLDER.relative_to(_ROOT)}/image.json and image.svg")


if __name__ == "__main__":
    sys.exit(main())
