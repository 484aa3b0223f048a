"""A workflow that rests, laid aside while the node's BMC is used for a request, and taken up again where it was.

What rests waits for a person (``hold``) or for the ramdisk's boot (``Stage.rests``); it needs no BMC meanwhile. Its time does not run
while it lies aside. It is kept in the data of the work that takes its place. Pure but for the row that it is given.
"""

from collections.abc import Mapping
from typing import Any

from controller.store.tables import Work

_KEY = "aside"
PAUSED_AT = "_paused_at"
"""Key of a work's data: since when it rests because of maintenance, by the steady clock."""


def lay_aside(work: Work, now: float) -> dict[str, Any]:
    """Return the data that a work begins with in whose place ``work`` was; ``now`` by the steady clock."""
    data = {key: value for key, value in work.data.items() if key != PAUSED_AT}
    kept = {
        "stage": work.stage,
        "data": data,
        "entered_at": work.entered_at,
        "started_at": work.started_at,
        "timeout_s": work.timeout_s,
        "deadline_at": work.deadline_at,
        "since": work.data.get(PAUSED_AT, now),
    }
    return {_KEY: kept}


def is_beside(work: Work | None) -> bool:
    """Say whether a work has a workflow lying aside."""
    return work is not None and _KEY in work.data


def note(work: Work, changes: Mapping[str, Any]) -> None:
    """Put something into the data of a workflow, whether it lies aside or not."""
    if not is_beside(work):
        work.data = {**work.data, **changes}
        return
    kept = work.data[_KEY]
    work.data = {**work.data, _KEY: {**kept, "data": {**kept["data"], **changes}}}


def take_up(work: Work, now: float) -> None:
    """Put a workflow that lies aside back in the place of ``work``, due at once."""
    kept = work.data[_KEY]
    rest_s = max(0.0, now - float(kept["since"]))
    work.stage, work.timeout_s = kept["stage"], kept["timeout_s"]
    work.started_at = kept["started_at"]
    work.entered_at = float(kept["entered_at"]) + rest_s
    deadline_at = kept["deadline_at"]
    work.deadline_at = None if deadline_at is None else float(deadline_at) + rest_s
    work.data = moved(kept["data"], rest_s)
    work.claim_id = work.claim_owner = None
    work.due_at, work.tries = now, 0


def moved(data: Mapping[str, Any], by_s: float) -> dict[str, Any]:
    """Move the moments that a stage remembers; such keys are private and end with ``_at`` or ``_since``."""
    return {key: value + by_s if _is_moment(key, value) else value for key, value in data.items()}


def _is_moment(key: str, value: Any) -> bool:
    is_named_so = key.startswith("_") and key.endswith(("_at", "_since")) and key != PAUSED_AT
    return is_named_so and isinstance(value, float)
