"""Device hints: Ironic's little language for naming disks, as far as it can be read without a disk. Pure.

Each hint is a value or an operator with values, as ``oslo_utils.specs_matcher`` defines them: ``=`` (at least), ``==``,
``!=``, ``>=``, ``<=``, ``>``, ``<`` compare numbers; ``s==``, ``s!=``, ``s>=``, ``s>``, ``s<=``, ``s<`` compare text; ``<in>``
finds a substring, ``<all-in>`` several, ``<or>`` offers choices, ``<range-in>`` takes ``[ 10 20 ]`` with ``(`` or ``)`` for an
open end. Text is compared in lower case; sizes are in GiB. Where this differs from Ironic's agent: ``docs/decisions/0024``.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.protocol.loose_values import truth_word
from agent.protocol.refusal import Refusal

HINT_NAMES = (
    "name",
    "model",
    "vendor",
    "serial",
    "wwn",
    "wwn_with_extension",
    "wwn_vendor_extension",
    "hctl",
    "by_path",
    "tran",
    "size",
    "rotational",
)
NUMBER_OPERATORS = ("=", "==", "!=", ">=", "<=", ">", "<")
TEXT_OPERATORS = ("s==", "s!=", "s>=", "s<=", "s>", "s<")
_SKIPPED = "properties.skip_block_devices"
_VOLUME_NAME = "volume_name"
_OPERATOR = re.compile(
    r"(?P<op>==|=|!=|>=|<=|>|<(?!in>|or>|all-in>|range-in>)|s==|s!=|s>=|s<=|s>|s<"
    r"|<in>|<or>|<all-in>|<range-in>)\s*(?P<rest>.*)",
    re.DOTALL,
)
_RANGE = re.compile(
    r"(?P<left>[\[(])\s*(?P<low>[^\s,]+)[\s,]+(?P<high>[^\s,\])]+)\s*(?P<right>[\])])"
)


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
        Refusal: A hint is unknown or malformed; the message names it.
    """
    return tuple(_parse(name, value) for name, value in hints.items())


def root_hints(node: Mapping[str, Any]) -> tuple[Hint, ...]:
    """Return the hints for the root disk; ``instance_info.root_device`` wins over ``properties.root_device``.

    Raises:
        Refusal: A hint is unknown or malformed; ``field`` says where it stands.
    """
    for place in ("instance_info", "properties"):
        hints = (node.get(place) or {}).get("root_device")
        if not hints:
            continue
        where = f"{place}.root_device"
        if not isinstance(hints, Mapping):
            raise Refusal(f"is no object of hints but {hints!r}", field=where)
        return _parsed(hints, where)
    return ()


def skip_hints(node: Mapping[str, Any]) -> tuple[tuple[Hint, ...], ...]:
    """Return the hints of each entry of ``properties.skip_block_devices``; those that name RAID volumes are not about whole disks.

    Raises:
        Refusal: An entry is empty, a hint unknown or malformed; ``field`` says where.
    """
    where = _SKIPPED
    entries = _skip_entries(node)
    return tuple(_parsed(entry, where) for entry in entries if _VOLUME_NAME not in entry)


def skipped_volumes(node: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of RAID arrays in ``properties.skip_block_devices``.

    Raises:
        Refusal: See :func:`skip_hints`.
    """
    names = (entry[_VOLUME_NAME] for entry in _skip_entries(node) if _VOLUME_NAME in entry)
    return frozenset(map(str, names))


def _skip_entries(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    where = _SKIPPED
    entries = (node.get("properties") or {}).get("skip_block_devices") or []
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise Refusal(f"is no list of objects of hints but {entries!r}", field=where)
    if not all(entries):
        raise Refusal(
            "has an empty entry, which names no disk; remove it or give hints", field=where
        )
    return entries


def _parsed(hints: Mapping[str, Any], where: str) -> tuple[Hint, ...]:
    try:
        return parse_hints(hints)
    except Refusal as error:
        raise Refusal(str(error), field=where) from error


def _parse(name: str, value: Any) -> Hint:
    if name not in HINT_NAMES:
        raise Refusal(f"hint {name!r} is unknown; known are {', '.join(HINT_NAMES)}")
    _require_type(name, value)
    text = str(value).strip().lower()
    if not text:
        raise Refusal(f"hint {name!r} is empty; remove it or give it a value")
    if name == "rotational":
        return _boolean(name, text)
    match = _OPERATOR.fullmatch(text)
    if match is None:
        op = "==" if name == "size" else "s=="
        values: tuple[str, ...] = (text,)
    else:
        op = match["op"]
        values = _split(name, op, match["rest"].strip())
    if name == "size" or op in NUMBER_OPERATORS or op == "<range-in>":
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
        raise Refusal(f"hint {name!r} is {value!r}; give {wanted.get(name, 'text')}")


def _boolean(name: str, text: str) -> Hint:
    said = truth_word(text)
    if said is None:
        raise Refusal(f"hint {name!r}: {text!r} is neither true nor false")
    return Hint(name=name, text=text, op="s==", values=("true" if said else "false",))


def _split(name: str, op: str, rest: str) -> tuple[str, ...]:
    """Return the operands of ``op``."""
    if op == "<range-in>":
        found = _RANGE.fullmatch(rest)
        if found is None:
            raise Refusal(
                f"hint {name!r}: <range-in> wants '[ 10 20 ]' with [ or ( and ] or ), not {rest!r}"
            )
        return found["left"], found["low"], found["high"], found["right"]
    parts = {"<or>": rest.split("<or>"), "<all-in>": rest.split()}.get(op, [rest])
    values = tuple(part.strip() for part in parts)
    if not values or not all(values):
        raise Refusal(f"hint {name!r}: a value is missing after {op}")
    if op in rest and op != "<or>":
        raise Refusal(f"hint {name!r}: {op} stands twice; give it once")
    if stray := next((value for value in values if _OPERATOR.match(value)), None):
        raise Refusal(
            f"hint {name!r}: {stray!r} after {op} begins with an operator; give one operator"
        )
    return values


def _require_numbers(name: str, op: str, values: tuple[str, ...]) -> None:
    if name == "size" and op in (*TEXT_OPERATORS, "<in>", "<all-in>"):
        raise Refusal(f"hint 'size' is a number of GiB; {op} compares text")
    wanted = values[1:3] if op == "<range-in>" else values
    for value in wanted:
        number = finite_number(value)
        if number is None or (name == "size" and number <= 0):
            wish = "positive number of GiB" if name == "size" else "number"
            raise Refusal(f"hint {name!r}: {value!r} is no {wish}")
    if op == "<range-in>" and float(values[1]) > float(values[2]):
        raise Refusal(
            f"hint {name!r}: the range ends before it begins; give the smaller number first"
        )


def finite_number(text: str) -> float | None:
    """Return the finite number that ``text`` is; ``None`` = it is none."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
