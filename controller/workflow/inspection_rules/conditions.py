"""Decides conditions. Pure, but for the expressions, which a process of its own matches.

Source: Ironic's ``common/inspection_rules/operators.py``.
"""

import ipaddress
import operator
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from controller.workflow.inspection_rules.fault import RuleFault
from controller.workflow.inspection_rules.interpolation import Scope, filled
from controller.workflow.inspection_rules.operations import CONDITIONS, INVERTED, MULTIPLE
from controller.workflow.inspection_rules.patterns import Patterns

_EMPTY = frozenset({"", "None", "[]", "{}"})
_LAST, _ALL = "last", "all"
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "lt": operator.lt,
    "gt": operator.gt,
}


def holds(condition: Mapping[str, Any], scope: Scope, patterns: Patterns) -> bool:
    """Say whether a condition of a rule holds.

    Args:
        condition: As it is stored: ``op``, ``args``, and perhaps ``loop`` and ``multiple``.
        scope: What its texts may name.
        patterns: Matches expressions.

    Raises:
        RuleFault: That cannot be decided.
    """
    loop = condition.get("loop")
    if not loop:
        return _holds_once(condition, scope, patterns)
    items = loop if isinstance(loop, list) else [loop]
    found = [_holds_once(condition, scope.with_item(item), patterns) for item in items]
    multiple = condition.get("multiple", MULTIPLE[0])
    if multiple == _LAST:
        return found[-1]
    return all(found) if multiple == _ALL else any(found)


def _holds_once(condition: Mapping[str, Any], scope: Scope, patterns: Patterns) -> bool:
    scope.allowance.spend()
    op: str = condition["op"].removeprefix(INVERTED)
    arguments = CONDITIONS[op]
    args = {
        name: filled(value, scope, empty_is_none=op == "is-empty")
        if scope.is_in_loop or name in arguments.formatted
        else value
        for name, value in arguments.named(condition["args"]).items()
    }
    if op in _COMPARISONS and scope.is_in_loop:
        args["force_strings"] = True  # places in braces become texts
    is_true = _compare(op, args) if op in _COMPARISONS else _decide(op, args, patterns)
    return is_true is not str(condition["op"]).startswith(INVERTED)


def _compare(op: str, args: Mapping[str, Any]) -> bool:
    values = args["values"]
    if not isinstance(values, list):
        raise RuleFault("values must be a list")
    if args.get("force_strings"):
        values = [str(value) for value in values]
    try:
        return all(_COMPARISONS[op](one, other) for one, other in pairwise(values))
    except TypeError as error:
        raise RuleFault(
            "the values cannot be compared: they are of several kinds, and places in braces become texts; set "
            "force_strings, or write numbers as texts"
        ) from error


def _decide(op: str, args: Mapping[str, Any], patterns: Patterns) -> bool:
    if op == "in-net":
        return _is_in_net(args["address"], args["subnet"])
    value = args["value"]
    if op == "one-of":
        return _is_one_of(value, args.get("values", []))
    if op in {"matches", "contains"}:
        return patterns.found(args["regex"], str(value), is_whole=op == "matches")
    return _SIMPLE[op](value)


def _is_true(value: Any) -> bool:
    if isinstance(value, str):
        return value.lower() in {"yes", "true"}
    return isinstance(value, bool | int | float) and bool(value)


def _is_false(value: Any) -> bool:
    if isinstance(value, str):
        return value.lower() in {"no", "false"}
    return value is None or (isinstance(value, bool | int | float) and not value)


_SIMPLE: Mapping[str, Callable[[Any], bool]] = {
    "is-empty": lambda value: str(value) in _EMPTY,
    "is-none": lambda value: value is None,
    "is-true": _is_true,
    "is-false": _is_false,
}


def _is_one_of(value: Any, values: Any) -> bool:
    try:
        return bool(value in values)
    except TypeError as error:
        raise RuleFault("values must be a list, an object, or a text for a text") from error


def _is_in_net(address: Any, subnet: Any) -> bool:
    try:
        return ipaddress.ip_address(str(address)) in ipaddress.ip_network(str(subnet), strict=False)
    except ValueError as error:
        raise RuleFault(
            "address must be an IP address, and subnet a network such as 192.0.2.0/24"
        ) from error
