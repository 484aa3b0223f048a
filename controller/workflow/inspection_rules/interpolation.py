"""Fills places in braces of a rule's texts: ``{node.name}``, ``{inventory[cpu][count]:>3}``, ``{item[path]!r}``. Pure.

Source: Python's format strings, in which Ironic's rules are written (``Base.interpolate_variables``). This is an interpreter of its
own: it walks through JSON documents by key, so nothing of Python can be reached. What a machine says is never read as a
format string, also where a loop has its items filled in turn. Text whose place does not exist stays as it is, as in Ironic.
"""

import re
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from agent.protocol.masking import masked_value
from agent.protocol.secret_names import is_secret
from controller.workflow.inspection_rules.allowance import Allowance
from controller.workflow.inspection_rules.fault import RuleFault

ITEM = "item"
"""The name of a loop's item: the rule's own words, and no machine's."""
_NODE = "node"
_FIRST = re.compile(r"[^.\[]*")
_STEP = re.compile(r"\.(?P<attribute>[^.\[]+)|\[(?P<index>[^\]]+)\]")
_CONVERSIONS: Mapping[str, Callable[[Any], str]] = {"s": str, "r": repr, "a": ascii}
_LONGEST_SPEC = 32
_WIDE = re.compile(r"\d{4,}")
_DEEPEST_SPEC = 1
_LONGEST_INDEX = 9
"""Digits."""
_FORMATTER = string.Formatter()


class Unresolved(Exception):
    """The text is no format string, or a place in it does not exist."""


class MissingKey(Unresolved):
    """There is no such key, or no such name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a text may name."""

    names: Mapping[str, Any]
    """JSON documents: ``node``, ``inventory``, ``plugin_data``, and in a loop ``item``."""
    is_masked: bool
    """Secrets are shown as such."""
    allowance: Allowance
    treat: Callable[[str], str] = str
    """What is made of texts that do not stand in the rule itself before they are filled in."""

    def with_item(self, item: Any) -> "Scope":
        """Return the scope of one turn of a loop."""
        return replace(self, names={**self.names, ITEM: item})

    @property
    def is_in_loop(self) -> bool:
        """Whether there is an item."""
        return ITEM in self.names


def filled(value: Any, scope: Scope, *, empty_is_none: bool = False) -> Any:
    """Return an argument with the places of its texts filled in, keys of objects among them.

    Args:
        value: A JSON value.
        scope: What it may name.
        empty_is_none: A text with a key that does not exist is ``None`` instead of itself.
    """
    if isinstance(value, str):
        return _text(value, scope, empty_is_none, twice=scope.is_in_loop)
    if isinstance(value, Mapping):
        return {
            _text(key, scope, empty_is_none): filled(item, scope, empty_is_none=empty_is_none)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [
            _text(item, scope, empty_is_none)
            if isinstance(item, str)
            else filled(item, scope, empty_is_none=empty_is_none)
            for item in value
        ]
    return value


def _text(text: str, scope: Scope, empty_is_none: bool, *, twice: bool = False) -> str | None:
    """Fill a text; ``twice``: what a loop's item brought into it is filled, too, and nothing else."""
    made = text
    try:
        made = _fill(text, scope)
        if not twice:
            return made
        treat = scope.treat
        doubled = replace(scope, treat=lambda foreign: _braces_doubled(treat(foreign)))
        return _fill(_fill(text, doubled), scope)
    except MissingKey:
        return None if empty_is_none else made
    except Unresolved:
        return made


def _braces_doubled(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _fill(text: str, scope: Scope, depth: int = 0) -> str:
    pieces = []
    try:
        parsed = list(_FORMATTER.parse(text))
    except ValueError as error:
        raise Unresolved from error
    for literal, field, spec, conversion in parsed:
        pieces.append(literal)
        if field is not None:
            pieces.append(_place(field, spec or "", conversion, scope, depth))
    made = "".join(pieces)
    scope.allowance.spend(len(made))
    return made


def _place(field: str, spec: str, conversion: str | None, scope: Scope, depth: int) -> str:
    name, value = _look_up(field, scope)
    if conversion:
        if conversion not in _CONVERSIONS:
            raise Unresolved
        value = _CONVERSIONS[conversion](value)
    if "{" in spec:
        if depth > _DEEPEST_SPEC:
            raise Unresolved
        spec = _fill(spec, scope, depth + 1)
    made = _formatted(value, spec)
    return made if name == ITEM else scope.treat(made)


def _formatted(value: Any, spec: str) -> str:
    if not spec:
        return str(value)
    if not isinstance(value, str | int | float):
        raise Unresolved  # as Python: lists, objects and None take none
    if len(spec) > _LONGEST_SPEC or _WIDE.search(spec):
        raise RuleFault("a place in braces wants more than 999 characters or digits")
    try:
        return format(value, spec)
    except ValueError as error:
        raise Unresolved from error


def _look_up(field: str, scope: Scope) -> tuple[str, Any]:
    """Return the first name of a field, and what stands there."""
    name = _FIRST.match(field)[0]  # type: ignore[index]  # it matches every text
    if name not in scope.names:
        raise Unresolved if not name or name.isdigit() else MissingKey
    value, key, position = scope.names[name], "", len(name)
    is_masked = scope.is_masked and name != ITEM
    while position < len(field):
        step = _STEP.match(field, position)
        if step is None:
            raise Unresolved
        if step["attribute"] is not None and not (name == _NODE and position == len(name)):
            raise Unresolved  # only a node has attributes
        key = step["attribute"] or step["index"]
        if name == _NODE and position == len(name) and key not in value:
            raise Unresolved
        value, position = _part(value, key), step.end()
        if is_masked and is_secret(key):
            value = masked_value(key, value)
    return name, masked_value(key, value) if is_masked else value


def _part(value: Any, key: str) -> Any:
    is_number = key.isascii() and key.isdigit()
    if isinstance(value, Mapping):
        if is_number or key not in value:
            raise MissingKey
        return value[key]
    if not isinstance(value, list | str) or not is_number or len(key) > _LONGEST_INDEX:
        raise Unresolved
    if int(key) >= len(value):
        raise Unresolved
    return value[int(key)]
