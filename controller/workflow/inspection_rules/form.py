"""Conditions and actions of inspection rules, as clients send them. Checks as those in ``values.py``.

Source: Ironic's schema ``create_request_body`` of inspection rules and its ``validate_rule``.
"""

from collections.abc import Mapping
from typing import Any

from agent.protocol.foreign_text import clean_line
from controller.errors import Invalid
from controller.workflow.inspection_rules.operations import (
    ACTIONS,
    CONDITIONS,
    INVERTED,
    MULTIPLE,
    Arguments,
)

_INVERTIBLE = {**CONDITIONS, **{f"{INVERTED}{name}": CONDITIONS[name] for name in CONDITIONS}}


def conditions(value: Any, name: str) -> list[dict[str, Any]]:
    """Take a list of conditions, which may be empty: each has ``op`` and ``args``, and may have ``loop`` and ``multiple``.

    They are returned as Ironic shows them: without an empty ``loop``, with ``multiple`` where there is one, and with nothing else.
    """
    found = []
    for number, one in enumerate(_list(value, name)):
        where = f"{name}[{number}]"
        taken = _operation(one, where, _INVERTIBLE)
        multiple = one.get("multiple", MULTIPLE[0])
        if multiple not in MULTIPLE:
            raise Invalid(f"{where}: multiple must be one of {', '.join(MULTIPLE)}")
        found.append(taken | ({"multiple": multiple} if "loop" in taken else {}))
    return found


def actions(value: Any, name: str) -> list[dict[str, Any]]:
    """Take a list of at least one action: each has ``op`` and ``args``, and may have ``loop``."""
    found = _list(value, name)
    if not found:
        raise Invalid(f"{name} must have at least one action")
    return [_operation(one, f"{name}[{number}]", ACTIONS) for number, one in enumerate(found)]


def _list(value: Any, name: str) -> list[Any]:
    if isinstance(value, list):
        return value
    raise Invalid(f"{name} must be a list of objects with op and args")


def _operation(one: Any, where: str, known: Mapping[str, Arguments]) -> dict[str, Any]:
    if not isinstance(one, dict) or not {"op", "args"} <= one.keys():
        raise Invalid(f"{where} must be an object with op and args")
    op, loop = one["op"], one.get("loop", [])
    if not isinstance(op, str) or op not in known:
        said = clean_line(str(op))
        raise Invalid(f"{where}: there is no op {said}; valid: {', '.join(known)}")
    if not isinstance(loop, list | dict):
        raise Invalid(f"{where}: loop must be a list or an object")
    try:
        known[op].named(one["args"])
    except Invalid as error:
        raise Invalid(f"{where} ({op}): {error}") from error
    return {"op": op, "args": one["args"]} | ({"loop": loop} if loop else {})
