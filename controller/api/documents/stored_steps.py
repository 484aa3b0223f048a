"""Steps that clients store for later: those of deploy templates and runbooks. Checks as those in ``values.py``.

Source: Ironic's ``DEPLOY_STEP_SCHEMA``, ``RUNBOOK_STEP_SCHEMA`` and ``duplicate_steps``.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from agent.protocol.foreign_text import clean_line
from controller.errors import Invalid
from controller.hardware.steps import Kind
from controller.workflow.steps.wishes import Wish, read_wishes

_COMMON = ("interface", "step", "args")


def deploy_steps(value: Any, name: str) -> list[dict[str, Any]]:
    """Take the steps of a deploy template: each has ``interface``, ``step``, ``args`` and ``priority``."""
    wishes = _read(Kind.DEPLOY, value, name, "priority")
    return [_stored(wish) | {"priority": int(wish.priority or 0)} for wish in wishes]


def runbook_steps(value: Any, name: str) -> list[dict[str, Any]]:
    """Take the steps of a runbook: each has ``interface``, ``step`` and ``order``, and may have ``args``; sorted by order."""
    wishes = _read(Kind.CLEAN, value, name, "order")
    return [_stored(wish) | {"order": int(wish.order or 0)} for wish in wishes]


def _read(kind: Kind, value: Any, name: str, place: str) -> Sequence[Wish]:
    if not isinstance(value, list) or not value:
        raise Invalid(f"{name} must be a list of at least one step")
    for number, step in enumerate(value):
        where = f"{name}[{number}]"
        if not isinstance(step, dict):
            raise Invalid(f"{where} must be an object with {', '.join((*_COMMON, place))}")
        if unknown := sorted(set(step) - {*_COMMON, place}):
            raise Invalid(f"{where} has unknown keys: {', '.join(map(clean_line, unknown))}")
        if step.get(place) is None:
            raise Invalid(f"{where} lacks {place}, a whole number from 0")
        if step.get("args", {}) is None:
            raise Invalid(f"{where}: args must be an object, not null")
    wishes = read_wishes(kind, value, name)
    counts = Counter(wish.id for wish in wishes)
    if twice := sorted(clean_line(one) for one, count in counts.items() if count > 1):
        raise Invalid(f"{name} has {', '.join(twice)} more than once; give each step once")
    return wishes


def _stored(wish: Wish) -> dict[str, Any]:
    return {"interface": wish.interface, "step": wish.step, "args": wish.args or {}}
