"""Root device hints: Ironic's little language for naming a disk. Pure.

Each hint is a value or an operator with values, as ``oslo_utils.specs_matcher`` defines them: ``=`` (at least), ``==``,
``!=``, ``>=``, ``<=``, ``>``, ``<`` compare numbers; ``s==``, ``s!=``, ``s>=``, ``s>``, ``s<=``, ``s<`` compare text; ``<in>``
finds a substring, ``<all-in>`` several, ``<or>`` offers choices, ``<range-in>`` takes ``[ 10 20 ]`` with ``(`` or ``)`` for an
open end. Text is compared in lower case; sizes are in GiB. Where this differs from Ironic's agent: ``docs/decisions/0024``.
"""

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from agent.errors import InvalidRequest
from agent.hardware.devices import BlockDevice

_GIB = 1 << 30
_TRUE = ("1", "t", "true", "on", "y", "yes")
_FALSE = ("0", "f", "false", "off", "n", "no")
UNKNOWN = "none"
"""What a value that a disk does not tell is compared as: Ironic's agent makes text of Python's ``None``."""
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
    "by_path": lambda disk: (disk.by_path, *disk.by_paths),
    "tran": lambda disk: (disk.transport,),
    "size": lambda disk: (repr(disk.size_bytes / _GIB),),
    "rotational": lambda disk: (str(disk.is_rotational).lower(),),
}
HINT_NAMES = tuple(_VALUES)
_LISTED = ("serial", "wwn")
"""Values of which a disk has several spellings or none."""


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
    _require_type(name, value)
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
    if name == "size" or op in _NUMBERS or op == "<range-in>":
        _require_numbers(name, op, values)
    return Hint(name=name, text=text, op=op, values=values)


def _require_type(name: str, value: Any) -> None:
    """Refuse what JSON or YAML made of an operator's text, such as a WWN that became a number."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    is_fitting = isinstance(value, str) or (
        is_number if name == "size" else name == "rotational" and isinstance(value, bool | int)
    )
    if not is_fitting:
        wanted = {"size": "a number of GiB or text", "rotational": "true or false"}
        raise InvalidRequest(
            f"root device hint {name!r} is {value!r}; give {wanted.get(name, 'text')}"
        )


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
    if op in rest and op != "<or>":
        raise InvalidRequest(f"root device hint {name!r}: {op} stands twice; give it once")
    if stray := next((value for value in values if _OPERATOR.match(value)), None):
        raise InvalidRequest(
            f"root device hint {name!r}: {stray!r} after {op} begins with an operator; give one operator"
        )
    return values


def _require_numbers(name: str, op: str, values: tuple[str, ...]) -> None:
    if name == "size" and op in (*_TEXTS, "<in>", "<all-in>"):
        raise InvalidRequest(f"root device hint 'size' is a number of GiB; {op} compares text")
    wanted = values[1:3] if op == "<range-in>" else values
    for value in wanted:
        number = _number(value)
        if number is None or (name == "size" and number <= 0):
            wish = "positive number of GiB" if name == "size" else "number"
            raise InvalidRequest(f"root device hint {name!r}: {value!r} is no {wish}")
    if op == "<range-in>" and float(values[1]) > float(values[2]):
        raise InvalidRequest(
            f"root device hint {name!r}: the range ends before it begins; give the smaller number first"
        )


def _number(text: str) -> float | None:
    """Return the finite number that ``text`` is; ``None`` = it is none."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def matches(hint: Hint, disk: BlockDevice) -> bool:
    """Tell whether ``disk`` satisfies ``hint``, to be chosen by it.

    One of several spellings of a serial number or WWN is enough; a negation must hold for all of them. A disk that tells no
    serial number or no WWN is not chosen by them; any other value that it does not tell is compared as ``none``.
    """
    if hint.name in _LISTED and not _told(hint, disk):
        return False
    return judge(hint, disk) is True


def protects(hints: Sequence[Hint], disk: BlockDevice) -> bool:
    """Tell whether ``disk`` satisfies all of ``hints``, which name disks to be left alone.

    What the disk does not tell is compared as ``none``, so that ``s!= nvme`` protects a disk of unknown transport.

    Raises:
        InvalidRequest: A number is asked for where the disk has text; nobody knows what the operator meant.
    """
    verdicts = {hint: judge(hint, disk) for hint in hints}
    if False in verdicts.values():
        return False
    if open_hint := next((hint for hint, verdict in verdicts.items() if verdict is None), None):
        raise InvalidRequest(
            f"skip_block_devices: {open_hint} compares numbers, but {open_hint.name} of {disk.path} is"
            f" {shown_value(open_hint, disk)}; use an operator for text, such as s== or s!="
        )
    return True


def judge(hint: Hint, disk: BlockDevice) -> bool | None:
    """Return whether ``hint`` holds for ``disk``; ``None`` = it compares numbers and the disk has none there."""
    values = [value.lower() for value in _told(hint, disk)] or [UNKNOWN]
    verdicts = [_holds(hint, value) for value in values]
    known = [verdict for verdict in verdicts if verdict is not None]
    if not known:
        return None
    return all(known) if hint.op in _NEGATIONS else any(known)


def _told(hint: Hint, disk: BlockDevice) -> list[str]:
    return [value.strip() for value in _VALUES[hint.name](disk) if value and value.strip()]


def shown_value(hint: Hint, disk: BlockDevice) -> str:
    """Return what the disk has where ``hint`` looks, for messages."""
    values = list(dict.fromkeys(value for value in _VALUES[hint.name](disk) if value))
    if hint.name == "size":
        return f"{disk.size_bytes / _GIB:.2f} GiB"
    return " or ".join(values) or "unknown"


def _order(text: str) -> str:
    """Return ``text`` as Ironic's agent orders it: quoted as in a URL."""
    return quote(text, errors="surrogatepass")


def _holds(hint: Hint, value: str) -> bool | None:
    """Return whether ``hint`` holds for one value; ``None`` = it compares numbers and the value is none."""
    if hint.op in _TEXTS:
        return _TEXTS[hint.op](value, hint.values[0])
    if hint.op in ("<in>", "<all-in>"):
        return all(part in value for part in hint.values)
    if hint.op == "<or>" and hint.name != "size":
        return value in hint.values
    number = _number(value)
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
