"""Whether a device hint holds for a value that a disk has. Pure; the language is read in :mod:`agent.protocol.device_hints`."""

import operator
from collections.abc import Callable, Mapping
from urllib.parse import quote

from agent.protocol.device_hints import Hint, finite_number

_NUMBERS: Mapping[str, Callable[[float, float], bool]] = {
    "=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_TEXTS: Mapping[str, Callable[[str, str], bool]] = {
    "s==": operator.eq,
    "s!=": operator.ne,
    "s>=": lambda left, right: _order(left) >= _order(right),
    "s<=": lambda left, right: _order(left) <= _order(right),
    "s>": lambda left, right: _order(left) > _order(right),
    "s<": lambda left, right: _order(left) < _order(right),
}


def holds(hint: Hint, value: str) -> bool | None:
    """Return whether ``hint`` holds for one value; ``None`` = it compares numbers and the value is none."""
    if hint.op in _TEXTS:
        return _TEXTS[hint.op](value, hint.values[0])
    if hint.op in ("<in>", "<all-in>"):
        return all(part in value for part in hint.values)
    if hint.op == "<or>" and hint.name != "size":
        return value in hint.values
    number = finite_number(value)
    return None if number is None else _holds_number(hint, number)


def _holds_number(hint: Hint, number: float) -> bool:
    if hint.op == "<or>":
        return number in map(float, hint.values)
    if hint.op == "<range-in>":
        return _within(number, hint.values)
    return _NUMBERS[hint.op](number, float(hint.values[0]))


def _within(number: float, values: tuple[str, ...]) -> bool:
    left, low, high, right = values
    above = number >= float(low) if left == "[" else number > float(low)
    below = number <= float(high) if right == "]" else number < float(high)
    return above and below


def _order(text: str) -> str:
    """Return ``text`` as Ironic's agent orders it: quoted as in a URL."""
    return quote(text, errors="surrogatepass")
