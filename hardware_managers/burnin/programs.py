"""Command lines of stress-ng, fio and smartctl, and what their reports say. Pure.

Sources: the manual pages stress-ng(1) 0.15, fio(1) 3.33 (JSON output, verify), smartctl(8) 7.3 (``--json``).
"""

import errno
import json
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from agent.errors import BurninFailed
from hardware_managers.burnin.orders import CpuOrder, DiskOrder, MemoryOrder, NetworkOrder, Role

_NETWORK_PORT = 9000
READER_WAITS_S = 60
"""How much longer than the writer a reader lasts, in seconds: it ends when the writer ends the connection."""
_NO_PARTNER = frozenset({errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ETIMEDOUT})
_PERCENT = re.compile(r"\[(\d{1,3}(?:\.\d+)?)%\]")
_METRIC = re.compile(r"^\s+(?:- )?([a-z-]+): ([-\w.]+)$")


def stress_cpu(order: CpuOrder, report: Path) -> tuple[str, ...]:
    """Return the command that loads the processors and checks what they compute; ``report`` is written as YAML."""
    return ("stress-ng", "--cpu", str(order.workers), *_stress(order.timeout_s, report))


def stress_memory(order: MemoryOrder, report: Path) -> tuple[str, ...]:
    """Return the command that writes and checks memory."""
    workers = ("--vm", str(order.workers), "--vm-bytes", order.size)
    return ("stress-ng", *workers, *_stress(order.timeout_s, report))


def _stress(timeout_s: int, report: Path) -> tuple[str, ...]:
    return ("--verify", "--metrics-brief", "--timeout", f"{timeout_s}s", "--yaml", str(report))


def fio_disks(order: DiskOrder, disks: Sequence[Path], report: Path) -> tuple[str, ...]:
    """Return the command that writes all of ``disks`` and reads back what it wrote, block by block.

    Everything on the disks is lost.
    """
    duration = (
        ("--time_based", f"--runtime={order.runtime_s}")
        if order.runtime_s
        else (f"--loops={order.loops}",)
    )
    jobs = [part for disk in disks for part in (f"--name={disk.name}", f"--filename={disk}")]
    shared = ("--rw=readwrite", "--bs=4k", "--direct=1", "--ioengine=libaio", "--iodepth=32")
    checks = ("--verify=crc32c", "--verify_dump=0", "--continue_on_error=verify")
    return ("fio", *_fio(report), *shared, *checks, *duration, *jobs)


def fio_network(order: NetworkOrder, report: Path) -> tuple[str, ...]:
    """Return the command of one end of a pair; the reader has to listen before the writer begins.

    One stream: of several, those that come before their listener are refused and their listeners wait for ever.
    The writer ends the turn: a reader that stopped first would break the connection under it.
    """
    is_writer = order.role is Role.WRITER
    end = (f"--hostname={order.partner}", "--rw=write") if is_writer else ("--listen", "--rw=read")
    shared = ("--ioengine=net", f"--port={_NETWORK_PORT}", "--fill_device=1", "--group_reporting")
    runtime_s = order.runtime_s if is_writer else order.runtime_s + READER_WAITS_S
    amount = ("--time_based", f"--runtime={runtime_s}")
    return ("fio", *_fio(report), *shared, *amount, *end, "--name=network")


def _fio(report: Path) -> tuple[str, ...]:
    return ("--output-format=json", f"--output={report}", "--eta=always", "--eta-newline=5")


def partner_is_absent(figures: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether a network job ended because nobody listens at the partner's address (yet)."""
    return any(job["errors"] in _NO_PARTNER and not job["written_bytes"] for job in figures)


def percent_done(line: str) -> float | None:
    """Return how far fio says it is, 0 to 100; ``None`` = the line does not say."""
    found = _PERCENT.search(line)
    return float(found[1]) if found else None


def stress_figures(report: str) -> tuple[Mapping[str, Any], ...]:
    """Return the metrics of each stressor of stress-ng's YAML report (a list of flat maps).

    Raises:
        BurninFailed: The report has no metrics: the program did nothing.
    """
    _, _, metrics = report.partition("\nmetrics:\n")
    figures: list[dict[str, Any]] = []
    for line in metrics.splitlines():
        found = _METRIC.match(line)
        if not found:
            continue
        if line.lstrip().startswith("- "):
            figures.append({})
        if figures:
            figures[-1][found[1]] = _number(found[2])
    if not figures:
        raise BurninFailed(
            "stress-ng ended without an error and reported no metrics: nothing was loaded; look at its log"
        )
    return tuple(figures)


def fio_figures(report: str) -> tuple[Mapping[str, Any], ...]:
    """Return, for each job of fio's JSON report, its name, errors, bytes and rates.

    Raises:
        BurninFailed: The report cannot be read.
    """
    try:
        jobs = json.loads(report[report.index("{") :])["jobs"]
        return tuple(_job(job) for job in jobs)
    except (ValueError, KeyError, TypeError) as error:
        raise BurninFailed(
            f"fio's report cannot be read ({type(error).__name__}: {error}); run the step again"
        ) from error


def require_moved(figures: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a run that had no error because it did nothing.

    Raises:
        BurninFailed: There is no job, or one moved no byte.
    """
    idle = [str(job["name"]) for job in figures if not job["read_bytes"] + job["written_bytes"]]
    if idle or not figures:
        raise BurninFailed(
            f"fio ended without an error and moved no byte ({', '.join(idle) or 'no job'}); look at its log"
        )


def _job(job: Mapping[str, Any]) -> Mapping[str, Any]:
    read, write = job["read"], job["write"]
    return {
        "name": str(job["jobname"]),
        "errors": int(job["error"]) or int(job.get("total_err", 0)),
        "read_bytes": int(read["io_bytes"]),
        "read_bytes_per_s": int(read["bw_bytes"]),
        "written_bytes": int(write["io_bytes"]),
        "written_bytes_per_s": int(write["bw_bytes"]),
    }


class SelfTest(StrEnum):
    """What a drive says of its newest self-test."""

    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"


def smart_self_test(report: str) -> tuple[SelfTest, str]:
    """Return the state of a drive's newest self-test, and the drive's own words for it.

    Args:
        report: ``smartctl --json --capabilities`` of an ATA drive; others have no such part and are ``UNKNOWN``.
    """
    try:
        status = json.loads(report)["ata_smart_data"]["self_test"]["status"]
        words = str(status.get("string", ""))[:200]
        if "remaining_percent" in status:
            return SelfTest.RUNNING, words
        if "passed" in status:
            return (SelfTest.PASSED if status["passed"] is True else SelfTest.FAILED), words
    except (ValueError, KeyError, TypeError, AttributeError):
        return SelfTest.UNKNOWN, "the drive tells nothing of self-tests"
    return SelfTest.UNKNOWN, words


def _number(text: str) -> int | float | str:
    try:
        value = float(text)
    except ValueError:
        return text
    return int(value) if value.is_integer() else value
