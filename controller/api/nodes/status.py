"""What a node is doing now, in one line for people: the field ``status_text``."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from controller.workflow.locks import WAITING

_UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


class Doing(NamedTuple):
    """What of a node's columns tells what it is doing."""

    stage: str | None
    stage_started_at: float | None
    stage_deadline_at: float | None
    progress: Mapping[str, Any] | None
    last_error: str | None
    maintenance: bool
    provision_state: str


def status_text(row: Doing, now: float, steady: float) -> str | None:
    """Return what the controller does for the node, how far it is and how long it may take.

    Args:
        row: Of a node.
        now: The wall clock, seconds since the epoch.
        steady: The steady clock, by which deadlines are.

    Returns:
        A line without a stop at its end; ``None`` = nothing goes on and nothing went wrong.
    """
    if row.stage is None:
        return row.last_error or None
    workflow, _, step = row.stage.partition(".")
    words = f"{workflow}: {step}".replace("_", " ")
    is_beside = workflow in {"power", "management"}  # carried out in maintenance, too
    if row.maintenance and row.provision_state in WAITING and not is_beside:
        return f"{words} rests until the maintenance ends"
    if row.progress:
        return progress_text(row.progress)
    deadline_at = row.stage_deadline_at
    left_s = None if deadline_at is None else deadline_at - steady
    return words + _times(row.stage_started_at, left_s, now)


def progress_text(progress: Mapping[str, Any]) -> str:
    """Return progress in words: step, phase, share, bytes, rate, time left; without what is not known."""
    title = " ".join(str(progress[key]) for key in ("step", "phase") if progress.get(key))
    done, total = progress.get("bytes_done"), progress.get("bytes_total")
    parts = [title]
    if done is not None and total:
        parts.append(f"{100 * done // total} % ({_bytes(done)} of {_bytes(total)})")
    elif done is not None:
        parts.append(_bytes(done))
    if progress.get("rate_bytes_per_s"):
        parts.append(f"{_bytes(progress['rate_bytes_per_s'])}/s")
    if progress.get("time_left_s") is not None:
        parts.append(f"{_seconds(progress['time_left_s'])} left")
    return ", ".join(part for part in parts if part)


def _times(started_at: float | None, left_s: float | None, now: float) -> str:
    since = "" if started_at is None else f" for {_seconds(now - started_at)}"
    left = "" if left_s is None else f", at most {_seconds(left_s)} more"
    return since + left


def _bytes(count: float) -> str:
    for unit, size in _UNITS:
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:.0f} B"


def _seconds(seconds: float) -> str:
    whole = max(0, round(seconds))
    return f"{whole} s" if whole < 120 else f"{whole // 60} min {whole % 60} s"  # noqa: PLR2004
