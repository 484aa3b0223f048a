"""``make bench``, part of the BMCs: calls to hundreds of them, and one controller that switches 500 machines on at once.

Our drivers beside ``ipmitool`` for each call and sushy that logs in for each call, in the same run, at BMCs with real sessions and keys;
then 500 BMCs of both kinds, a tenth of them dead and others slow, lossy or with another password.
Writes ``build/bench/bmc.json``. Measures and never judges by exit status.
"""

import json
import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.bench.bmc_results import GOAL_S, BmcRow, driver_table, wave_table
from tests.bench.bmcs.driver_rows import measure_drivers
from tests.bench.bmcs.drivers import IPMITOOL, PROTOCOLS
from tests.bench.bmcs.plan import mixed_bmcs
from tests.bench.bmcs.power_wave import Wave, measure_wave
from tests.bench.bmcs.rack import make_certificate
from tests.bench.conditions import busy_note, conditions

_ROOT = Path(__file__).resolve().parents[2]
_FOLDER = _ROOT / "build/bench"
_NODES = int(os.environ.get("BENCH_BMCS", "500"))
_PARTS = tuple(os.environ.get("BENCH_BMC_PARTS", "drivers,wave").split(","))
_WIDTH = 130
_FILES = 8192


def main() -> int:
    """Measure and write the result."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES, _FILES))
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    _FOLDER.mkdir(parents=True, exist_ok=True)
    about = conditions()
    rows: list[BmcRow] = []
    wave: Wave | None = None
    names, notes = _names()
    with tempfile.TemporaryDirectory(dir=_FOLDER) as scratch:
        folder = Path(scratch)
        certificate = make_certificate(folder)
        if "wave" in _PARTS:
            wave = measure_wave(mixed_bmcs(_NODES), folder, certificate)
        if "drivers" in _PARTS:
            rows += measure_drivers(names, _NODES, certificate)
    if busy := busy_note(float(about["load_at_start"])):
        notes.append(busy)
    _report(about, rows, wave, notes, console)
    return 0


def _names() -> tuple[Sequence[str], list[str]]:
    """Return the drivers that can be measured here, and why others are left out."""
    if shutil.which("ipmitool"):
        return tuple(PROTOCOLS), []
    return [name for name in PROTOCOLS if name != IPMITOOL], ["left out: ipmitool is not installed"]


def _report(
    about: dict[str, Any],
    rows: Sequence[BmcRow],
    wave: Wave | None,
    notes: Sequence[str],
    console: Console,
) -> None:
    document = {
        "conditions": about,
        "notes": notes,
        "rows": [asdict(row) for row in rows],
        "power_on_of_all": None if wave is None else {**asdict(wave), "goal_s": GOAL_S},
    }
    (_FOLDER / "bmc.json").write_text(json.dumps(document, indent=1))
    if rows:
        console.print(driver_table(rows))
    if wave is not None:
        console.print(wave_table(wave.rows))
        line = (
            f"orders accepted after {wave.orders_s:.1f} s, {wave.orders_refused} refused; the controller used {wave.cpu_s:.0f} s of a processor in"
            f" {wave.watched_s:.0f} s and had {wave.memory_mib:.0f} MiB at most ({wave.memory_before_mib:.0f} before)"
        )
        console.print(line, markup=False, highlight=False)
        for words, count in wave.errors.items():
            console.print(f"{count} x {words}", markup=False, highlight=False)
    for note in notes:
        console.print(f"- {note}", markup=False, highlight=False)
    console.print(f"written: {_FOLDER.relative_to(_ROOT)}/bmc.json")


if __name__ == "__main__":
    sys.exit(main())
