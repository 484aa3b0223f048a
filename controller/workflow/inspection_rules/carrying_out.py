"""Carries rules out one after the other, the highest priority first; all succeed, or the inspection fails and none has changed anything.

Source: Ironic's ``common/inspection_rules/engine.py``.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from agent.protocol.foreign_text import clean_line
from controller.errors import StepFailed
from controller.workflow.inspection_rules.actions import Failed, Tools, act
from controller.workflow.inspection_rules.conditions import holds
from controller.workflow.inspection_rules.fault import RuleFault
from controller.workflow.inspection_rules.interpolation import Scope
from controller.workflow.inspection_rules.patterns import Patterns

MASKS = ("always", "never", "sensitive")
"""When secrets are masked in what a rule reads: ``sensitive`` = not for rules that are sensitive themselves."""
_PLACES = ("path", "name", "port_id")
_LONGEST_PLACE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule as it is kept."""

    uuid: str
    description: str | None
    priority: int
    sensitive: bool
    conditions: Sequence[Mapping[str, Any]]
    actions: Sequence[Mapping[str, Any]]

    @property
    def label(self) -> str:
        """The rule in messages."""
        words = f" ({clean_line(self.description, 80)})" if self.description else ""
        return f"inspection rule {self.uuid}{words}"


def carry_out(rules: Sequence[Rule], tools: Tools, masks: str) -> tuple[str, ...]:
    """Carry rules out on the subject of ``tools``.

    Args:
        rules: In the order in which they are kept.
        tools: What they work with.
        masks: One of ``MASKS``.

    Returns:
        The rules whose conditions held, by UUID.

    Raises:
        StepFailed: One could not be carried out, or wants the inspection to fail.
    """
    applied = []
    with Patterns(tools.allowance) as patterns:
        for rule in sorted(rules, key=lambda one: -one.priority):
            is_masked = masks == "always" or (masks == "sensitive" and not rule.sensitive)
            names = tools.subject.names()
            scope = Scope(names=names, is_masked=is_masked, allowance=tools.allowance)
            if _all_hold(rule, scope, patterns):
                applied.append(rule.uuid)
                _act(rule, scope, tools)
    return tuple(applied)


def _all_hold(rule: Rule, scope: Scope, patterns: Patterns) -> bool:
    for number, condition in enumerate(rule.conditions, 1):
        with _named(rule, "condition", number, condition):
            if not holds(condition, scope, patterns):
                return False
    return True


def _act(rule: Rule, scope: Scope, tools: Tools) -> None:
    for number, action in enumerate(rule.actions, 1):
        with _named(rule, "action", number, action):
            act(action, scope, tools)


@contextmanager
def _named(rule: Rule, kind: str, number: int, operation: Mapping[str, Any]) -> Iterator[None]:
    """Give a fault the names of its rule, its operation and its place."""
    try:
        yield
    except Failed as error:
        raise StepFailed(f"{rule.label} fails the inspection: {error}") from error
    except RuleFault as error:
        where = f"{kind} {number} ({operation['op']}{_place(rule, operation)})"
        raise StepFailed(f"{rule.label}, {where}: {error}") from error


def _place(rule: Rule, operation: Mapping[str, Any]) -> str:
    args = operation["args"]
    if rule.sensitive or not isinstance(args, Mapping):
        return ""
    found = [clean_line(args[name], _LONGEST_PLACE) for name in _PLACES if name in args]
    return f" {' '.join(found)}" if found else ""
