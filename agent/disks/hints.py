"""Root device hints: Ironic's little language for naming a disk. Pure.

Each hint is a value or an operator with values, as ``oslo_utils.specs_matcher`` defines them: ``=`` (at least), ``==``,
``!=``, ``>=``, ``<=``, ``>``, ``<`` compare numbers; ``s==``, ``s!=``, ``s>=``, ``s>``, ``s<=``, ``s<`` compare text; ``<in>``
finds a substring, ``<all-in>`` several, ``<or>`` offers choices, ``<range-in>`` takes ``[ 10 20 ]`` with ``(`` or ``)`` for an
open end. Text is compared in lower case; sizes are in GiB.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.errors import InvalidRequest
from agent.hardware.devices import BlockDevice

_GIB = 1 << 30
_TRUE = ("1", "t", "true", "on", "y", "yes")
_FALSE = ("0", "f", "false", "off", "n", "no")
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
    "s>=": operator.ge,
    "s<=": operator.le,
    "s>": operator.gt,
    "s<": operator.lt,
}
_NEGATIONS = ("!=", "s!=")
_OPERATOR = re.compile(
    r"(?P<op>==|=|!=|>=|<=|>|<(?!in>|or>|all-in>|range-in>)|s==|s!=|s>=|s<=|s>|s<"
    r"|<in>|<or>|<all-in>|<range-in>)\s*(?P<rest>.*)",
    re.DOTALL,
)
_RANGE = re.compile(
    r"(?P<left>[\[(])\s*(?P<low>[^\s,]+)[\s,]+(?P<high>[^\s,\])]+)\s*(?P<right>[\])])"
)

_VALUES: Mapping[str, Callable[[BlockDevice], tuple[str | None, ...]]] = {
    "name": lambda disk: (str(disk.path),),
    "model": lambda disk: (disk.model,),
    "vendor": lambda disk: (disk.vendor,),
    "serial": lambda disk: (disk.serial, *disk.serials),
    "wwn": lambda disk: (disk.wwn, *disk.wwns),
    "wwn_with_extension": lambda disk: (disk.wwn_with_extension,),
    "wwn_vendor_extension": lambda disk: (disk.wwn_vendor_extension,),
    "hctl": lambda disk: (disk.hctl,),
    "by_path": lambda disk: (disk.by_path,),
    "tran": lambda disk: (disk.transport,),
    "size": lambda disk: (repr(disk.size_bytes / _GIB),),
    "rotational": lambda disk: (str(disk.is_rotational).lower(),),
}
HINT_NAMES = tuple(_VALUES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """One parsed hint; ``text`` is what the operator wrote, ``op`` one of the operators above."""

    name: str
    text: str
    op: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.text}"


def parse_hints(hints: Mapping[str, Any]) -> tuple[Hint, ...]:
    """Parse hints as a node carries them.

    Raises:
        InvalidRequest: A hint is unknown or malformed; the message names it.
    """
    return tuple(_parse(name, value) for name, value in hints.items())


def _parse(name: str, value: Any) -> Hint:
    if name not in _VALUES:
        raise InvalidRequest(
            f"root device hint {name!r} is unknown; known are {', '.join(HINT_NAMES)}"
        )
    text = str(value).strip().lower()
    if not text:
        raise InvalidRequest(f"root device hint {name!r} is empty; remove it or give it a value")
    if name == "rotational":
        return _boolean(name, text)
    match = _OPERATOR.fullmatch(text)
    if match is None:
        op = "==" if name == "size" else "s=="
        values: tuple[str, ...] = (text,)
    else:
        op = match["op"]
        values = _split(name, op, match["rest"].strip())
    if name == "size" or op in _NUMBERS:
        _require_numbers(name, op, values)
    return Hint(name=name, text=text, op=op, values=values)


def _boolean(name: str, text: str) -> Hint:
    if text not in _TRUE + _FALSE:
        raise InvalidRequest(f"root device hint {name!r}: {text!r} is neither true nor false")
    return Hint(name=name, text=text, op="s==", values=("true" if text in _TRUE else "false",))


def _split(name: str, op: str, rest: str) -> tuple[str, ...]:
    """Return the operands of ``op``."""
    if op == "<range-in>":
        found = _RANGE.fullmatch(rest)
        if found is None:
            raise InvalidRequest(
                f"root device hint {name!r}: <range-in> wants '[ 10 20 ]' with [ or ( and ] or ),"
                f" not {rest!r}"
            )
        return found["left"], found["low"], found["high"], found["right"]
    parts = {"<or>": rest.split("<or>"), "<all-in>": rest.split()}.get(op, [rest])
    values = tuple(part.strip() for part in parts)
    if not values or not all(values):
        raise InvalidRequest(f"root device hint {name!r}: a value is missing after {op}")
    return values


def _require_numbers(name: str, op: str, values: tuple[str, ...]) -> None:
    if name == "size" and op in (*_TEXTS, "<in>", "<all-in>"):
        raise InvalidRequest(f"root device hint 'size' is a number of GiB; {op} compares text")
    wanted = values[1:3] if op == "<range-in>" else values
    for value in wanted:
        try:
            positive = float(value) > 0
        except ValueError:
            positive = False
        if not positive:
            raise InvalidRequest(
                f"root device hint {name!r}: {value!r} is no positive number"
                + (" of GiB" if name == "size" else "")
            )


def matches(hint: Hint, disk: BlockDevice) -> bool:
    """Tell whether ``disk`` satisfies ``hint``.

    One of several spellings of a serial number or WWN is enough; a negation must hold for all of them. A disk that does
    not tell the value does not match.
    """
    values = [value.strip().lower() for value in _VALUES[hint.name](disk) if value]
    if not values:
        return False
    decide = all if hint.op in _NEGATIONS else any
    return decide(_holds(hint, value) for value in values)


def shown_value(hint: Hint, disk: BlockDevice) -> str:
    """Return what the disk has where ``hint`` looks, for messages."""
    values = list(dict.fromkeys(value for value in _VALUES[hint.name](disk) if value))
    if hint.name == "size":
        return f"{disk.size_bytes / _GIB:.2f} GiB"
    return " or ".join(values) or "unknown"


def _holds(hint: Hint, value: str) -> bool:
    if hint.op in _TEXTS:
        return _TEXTS[hint.op](value, hint.values[0])
    if hint.op in ("<in>", "<all-in>"):
        return all(part in value for part in hint.values)
    if hint.op == "<or>":
        same = _same_number if hint.name == "size" else operator.eq
        return any(same(value, choice) for choice in hint.values)
    return _holds_number(hint, value)


def _holds_number(hint: Hint, value: str) -> bool:
    try:
        number = float(value)
    except ValueError:
        return False
    if hint.op == "<range-in>":
        return _within(number, hint.values)
    return _NUMBERS[hint.op](number, float(hint.values[0]))


def _same_number(left: str, right: str) -> bool:
    return float(left) == float(right)


def _within(number: float, values: tuple[str, ...]) -> bool:
    left, low, high, right = values
    above = number >= float(low) if left == "[" else number > float(low)
    below = number <= float(high) if right == "]" else number < float(high)
    return above and below
