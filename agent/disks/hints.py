"""Whether a disk is the one that a hint means. Pure; the language is read in :mod:`agent.protocol.device_hints`."""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from agent.errors import InvalidRequest
from agent.hardware.devices import BlockDevice
from agent.protocol import device_hints
from agent.protocol.device_hints import Hint, finite_number
from agent.protocol.refusal import Refusal

_GIB = 1 << 30
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
_VALUES: Mapping[str, Callable[[BlockDevice], tuple[str | None, ...]]] = {
    "name": lambda disk: (str(disk.path), *map(str, disk.paths)),
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
_LISTED = ("serial", "wwn")
"""Values of which a disk has several spellings or none."""


def root_hints(node: Mapping[str, Any]) -> tuple[Hint, ...]:
    """Return the hints for the root disk.

    Raises:
        InvalidRequest: A hint is unknown or malformed; the message names it.
    """
    try:
        return device_hints.root_hints(node)
    except Refusal as error:
        raise InvalidRequest(f"{error.field}: {error}") from error


def skip_hints(node: Mapping[str, Any]) -> tuple[tuple[Hint, ...], ...]:
    """Return the hints of each entry that names disks to be left alone.

    Raises:
        InvalidRequest: A hint is unknown or malformed; the message names it.
    """
    try:
        return device_hints.skip_hints(node)
    except Refusal as error:
        raise InvalidRequest(f"{error.field}: {error}") from error


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
