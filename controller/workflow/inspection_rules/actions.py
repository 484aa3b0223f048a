"""Does actions, on the copy that rules work on.

Source: Ironic's ``common/inspection_rules/actions.py``. Different on purpose: ``set-capability`` puts a value in the place of the one
that stands there, where Ironic writes the name a second time with each inspection.
"""

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from agent.protocol.foreign_text import clean_line
from controller.store.identity import is_trait
from controller.workflow.inspection_rules import documents
from controller.workflow.inspection_rules.allowance import Allowance
from controller.workflow.inspection_rules.calls import CallRules, call
from controller.workflow.inspection_rules.fault import RuleFault
from controller.workflow.inspection_rules.interpolation import Scope, filled
from controller.workflow.inspection_rules.operations import ACTIONS
from controller.workflow.inspection_rules.subject import Subject, Thing
from controller.workflow.machine import capabilities, with_capabilities
from controller.workflow.outcome import Note

_LEVELS: Mapping[str, str] = {
    "debug": "DEBUG",
    "info": "INFO",
    "warning": "WARNING",
    "error": "ERROR",
    "critical": "ERROR",
}
_MOST_NOTES = 50
_MOST_NOTE_CHARS = 1000
_MOST_TRAITS = 50
_CAPABILITY = re.compile(r"[^,:]+")
_Args = Mapping[str, Any]


class Failed(Exception):
    """The rule's own ``fail``; the text is the rule's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What actions work with."""

    subject: Subject
    allowance: Allowance
    calls: CallRules
    notes: list[Note] = field(default_factory=list)
    """For the node's history; actions add to it."""


def act(action: Mapping[str, Any], scope: Scope, tools: Tools) -> None:
    """Do one action of a rule, for each item of its loop.

    Raises:
        RuleFault: It cannot be done.
        Failed: The rule wants the inspection to fail.
    """
    loop = action.get("loop")
    if not loop:
        _act_once(action, scope, tools)
        return
    for item in loop if isinstance(loop, list) else [loop]:
        _act_once(action, scope.with_item(item), tools)


def _act_once(action: Mapping[str, Any], scope: Scope, tools: Tools) -> None:
    scope.allowance.spend()
    op: str = action["op"]
    arguments = ACTIONS[op]
    given = arguments.named(action["args"])
    is_call = op == "api-call"
    if is_call:
        scope = tools.calls.scope(scope, given["url"])
    args = {
        name: filled(value, scope) if scope.is_in_loop or name in arguments.formatted else value
        for name, value in given.items()
    }
    _DOES[op](deepcopy(args), tools)


def _fail(args: _Args, _tools: Tools) -> None:
    raise Failed(clean_line(args["msg"], _MOST_NOTE_CHARS))


def _log(args: _Args, tools: Tools) -> None:
    level = str(args.get("level", "info")).lower()
    if level not in _LEVELS:
        raise RuleFault(f"level must be one of {', '.join(_LEVELS)}")
    if len(tools.notes) < _MOST_NOTES:
        text = clean_line(args["msg"], _MOST_NOTE_CHARS)
        tools.notes.append(
            Note(kind="agent", message=f"inspection rule: {text}", severity=_LEVELS[level])
        )


def _set(thing: Thing, args: _Args) -> None:
    first, *rest = documents.parts_of(args["path"])
    if not rest:
        thing.set(first, args["value"])
        return
    thing.require(first)
    documents.put(_document(thing, first), rest, args["value"])


def _extend(thing: Thing, args: _Args) -> None:
    first, *rest = documents.parts_of(args["path"])
    thing.require(first)
    if not rest:
        raise RuleFault(f"{first} is no list")
    is_unique = bool(args.get("unique"))
    documents.extend(_document(thing, first), rest, args["value"], unique=is_unique)


def _delete(thing: Thing, args: _Args) -> None:
    first, *rest = documents.parts_of(args["path"])
    if not rest:
        thing.reset(first)
        return
    thing.require(first)
    documents.delete(_document(thing, first), rest)


def _document(thing: Thing, name: str) -> dict[str, Any]:
    found = thing.values[name]
    if not isinstance(found, dict):
        raise RuleFault(f"{name} is no object, so nothing is inside of it")
    return found


def _set_capability(args: _Args, tools: Tools) -> None:
    name, value = args["name"], args["value"]
    if not isinstance(name, str) or not _CAPABILITY.fullmatch(name):
        raise RuleFault("name must be a text without comma and colon")
    if not isinstance(value, str) or "," in value:
        raise RuleFault("value must be a text without comma")
    properties = tools.subject.node.values["properties"]
    before = capabilities(properties.get("capabilities"))
    properties["capabilities"] = with_capabilities(before, {name: value})


def _unset_capability(args: _Args, tools: Tools) -> None:
    properties = tools.subject.node.values["properties"]
    before = capabilities(properties.get("capabilities"))
    if args["name"] in before:
        left = {name: value for name, value in before.items() if name != args["name"]}
        properties["capabilities"] = with_capabilities(left, {})


def _add_trait(args: _Args, tools: Tools) -> None:
    if not is_trait(args["name"]):
        raise RuleFault(
            "name must be CUSTOM_ with capital letters, digits and _, or a standard trait"
        )
    values = tools.subject.node.values
    traits = sorted({*(values["traits"] or []), args["name"]})
    if len(traits) > _MOST_TRAITS:
        raise RuleFault(f"a node may have {_MOST_TRAITS} traits")
    values["traits"] = traits


def _remove_trait(args: _Args, tools: Tools) -> None:
    values = tools.subject.node.values
    values["traits"] = [trait for trait in values["traits"] or [] if trait != args["name"]]


def _set_plugin_data(args: _Args, tools: Tools) -> None:
    parts = documents.parts_of(args["path"], takes_slashes=False)
    documents.put(tools.subject.plugin_data, parts, args["value"])


def _extend_plugin_data(args: _Args, tools: Tools) -> None:
    parts = documents.parts_of(args["path"], takes_slashes=False)
    is_unique = bool(args.get("unique"))
    documents.extend(tools.subject.plugin_data, parts, args["value"], unique=is_unique)


def _unset_plugin_data(args: _Args, tools: Tools) -> None:
    parts = documents.parts_of(args["path"], takes_slashes=False)
    documents.prune(tools.subject.plugin_data, parts)


def _call(args: _Args, tools: Tools) -> None:
    call(args, tools.calls, tools.allowance)


_DOES: Mapping[str, Callable[[_Args, Tools], None]] = {
    "fail": _fail,
    "log": _log,
    "set-attribute": lambda args, tools: _set(tools.subject.node, args),
    "extend-attribute": lambda args, tools: _extend(tools.subject.node, args),
    "del-attribute": lambda args, tools: _delete(tools.subject.node, args),
    "set-capability": _set_capability,
    "unset-capability": _unset_capability,
    "add-trait": _add_trait,
    "remove-trait": _remove_trait,
    "set-plugin-data": _set_plugin_data,
    "extend-plugin-data": _extend_plugin_data,
    "unset-plugin-data": _unset_plugin_data,
    "set-port-attribute": lambda args, tools: _set(tools.subject.port(args["port_id"]), args),
    "extend-port-attribute": lambda args, tools: _extend(tools.subject.port(args["port_id"]), args),
    "del-port-attribute": lambda args, tools: _delete(tools.subject.port(args["port_id"]), args),
    "api-call": _call,
}
