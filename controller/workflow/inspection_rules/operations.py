"""Which conditions and actions a rule may have, and the arguments of each. Pure.

Source: Ironic's ``common/inspection_rules`` (``OPERATORS``, ``ACTIONS`` and the signatures behind them).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.protocol.foreign_text import clean_line
from controller.errors import Invalid

INVERTED = "!"
"""Stands before the name of a condition that must not hold."""
MULTIPLE = ("any", "all", "first", "last")
"""How the results of a condition's loop are taken together; the first is the usual one."""
MAIN = "main"
"""The only phase."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of a condition or an action, in the order that a list of them has."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    """Taken and dropped: Ironic shows ``plugin_data`` in rules of its own, and lets nobody set it."""
    formatted: tuple[str, ...] = ()
    """Places in braces are filled in these; in a loop, in all of them."""

    def named(self, args: Any) -> dict[str, Any]:
        """Return the arguments by name.

        Args:
            args: An object, or a list in their order; what a list has too many is ignored, as in Ironic.

        Raises:
            Invalid: One is missing, or there is none of that name.
        """
        if isinstance(args, list):
            found = dict(zip((*self.required, *self.optional), args, strict=False))
        elif isinstance(args, Mapping):
            found = {name: value for name, value in args.items() if name not in self.ignored}
        else:
            raise Invalid("args must be an object or a list")
        known = {*self.required, *self.optional}
        words = (
            ("lacks", [name for name in self.required if name not in found]),
            ("has unknown", [clean_line(name) for name in sorted(set(found) - known)]),
        )
        if problems := [f"{word} {', '.join(names)}" for word, names in words if names]:
            takes = ", ".join((*self.required, *(f"[{name}]" for name in self.optional)))
            raise Invalid(f"args {' and '.join(problems)}; it takes {takes}")
        return found


_VALUES = ("value",)
_VALUE = Arguments(_VALUES, formatted=_VALUES)
_COMPARED = Arguments(("values",), ("force_strings",), formatted=("values",))
_PATTERN = Arguments(("value", "regex"), formatted=_VALUES)
_PLUGIN = ("plugin_data",)

CONDITIONS: Mapping[str, Arguments] = {
    "eq": _COMPARED,
    "lt": _COMPARED,
    "gt": _COMPARED,
    "is-empty": _VALUE,
    "in-net": Arguments(("address", "subnet"), formatted=("address", "subnet")),
    "matches": _PATTERN,
    "contains": _PATTERN,
    "one-of": Arguments(_VALUES, ("values",), formatted=_VALUES),
    "is-none": _VALUE,
    "is-true": _VALUE,
    "is-false": _VALUE,
}
"""Conditions by name."""

ACTIONS: Mapping[str, Arguments] = {
    "fail": Arguments(("msg",)),
    "log": Arguments(("msg",), ("level",), formatted=("msg",)),
    "set-attribute": Arguments(("path", "value"), formatted=_VALUES),
    "extend-attribute": Arguments(("path", "value"), ("unique",), formatted=_VALUES),
    "del-attribute": Arguments(("path",)),
    "set-capability": Arguments(("name", "value"), formatted=_VALUES),
    "unset-capability": Arguments(("name",)),
    "add-trait": Arguments(("name",)),
    "remove-trait": Arguments(("name",)),
    "set-plugin-data": Arguments(("path", "value"), (), _PLUGIN, _VALUES),
    "extend-plugin-data": Arguments(("path", "value"), ("unique",), _PLUGIN, _VALUES),
    "unset-plugin-data": Arguments(("path",), (), _PLUGIN),
    "set-port-attribute": Arguments(("port_id", "path", "value"), formatted=_VALUES),
    "extend-port-attribute": Arguments(
        ("port_id", "path", "value"), ("unique",), formatted=_VALUES
    ),
    "del-port-attribute": Arguments(("port_id", "path")),
    "api-call": Arguments(
        ("url",),
        ("headers", "proxies", "timeout", "retries", "backoff_factor"),
        formatted=("url",),
    ),
}
"""Actions by name."""
