"""What of a node was burned in, when, and on which machine; and what is missing before it may be offered. Pure.

It is kept in ``driver_internal_info["burnin"]``: for each kind a beginning and, if it passed, an end. A burn-in that begins takes away the
verdict of the one before, so that one that failed or was stopped leaves none.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from agent.protocol.foreign_text import clean_document
from controller.errors import Invalid
from controller.setting_words import BURNIN_KINDS, words_of
from controller.settings import Settings
from controller.store.tables import Node
from controller.workflow.burned_machine import differences, inspected_machine, told_machine
from controller.workflow.inspected_machine import was_told_by_bmc

KEY = "burnin"
PROPERTY = "burnin_required"
"""The key of a node's ``properties`` that wins over the setting of the same name; ``none`` = nothing is required."""
_PREFIX = "burnin_"
_DAY_S = 86400.0
_MOST_FIGURES = 4000
"""Characters; larger figures are in the history of the step only."""


def begun(node: Node, interface: str, step: str, now: float) -> dict[str, Any]:
    """Return the change of ``driver_internal_info`` by a step that begins; none if it is no burn-in."""
    kind = _kind_of(interface, step)
    return {} if kind is None else {KEY: {**_kept(node), kind: {"begun_at": _date(now)}}}


def passed(node: Node, phase: str, result: Any, now: float) -> dict[str, Any]:
    """Return the change by a step that has succeeded.

    Args:
        node: As it is.
        phase: ``clean``, ``deploy`` or ``service``.
        result: The command's result: the step below ``<phase>_step``, what it says below ``<phase>_result``.
        now: Seconds since the epoch.
    """
    step = result.get(f"{phase}_step") if isinstance(result, Mapping) else None
    if not isinstance(step, Mapping):
        return {}
    kind = _kind_of(step.get("interface"), step.get("step"))
    if kind is None:
        return {}
    told = result.get(f"{phase}_result")
    figures = clean_document(dict(told)) if isinstance(told, Mapping) else {}
    found = {
        **_kept(node).get(kind, {}),
        "passed_at": _date(now),
        **told_machine(figures.pop("machine", None)).document(),
        "figures": figures if len(str(figures)) <= _MOST_FIGURES else None,
    }
    return {KEY: {**_kept(node), kind: found}}


def required_of(settings: Settings, node: Node) -> tuple[str, ...]:
    """Return the kinds that the node must have passed.

    Raises:
        Invalid: The node's property is no list of kinds.
    """
    wanted = node.properties.get(PROPERTY)
    if wanted is None:
        return words_of(settings.burnin_required)
    kinds = words_of(wanted) if isinstance(wanted, str) else None
    if kinds == ("none",):
        return ()
    if not kinds or set(kinds) - set(BURNIN_KINDS):
        raise Invalid(
            f"node {node.uuid} has properties.{PROPERTY} {wanted!r:.100}; give none, or some of {', '.join(BURNIN_KINDS)}"
            " with commas between"
        )
    return kinds


def missing(node: Node, kinds: Sequence[str], valid_days: int, now: float) -> tuple[str, ...]:
    """Return what is missing, a phrase each: kinds without a passed burn-in, too old ones, and another machine than now.

    The machines are compared among the kinds, and with the last inspection if that is younger than the burn-in.
    """
    kept = _kept(node)
    problems = []
    newest: tuple[str, float] | None = None
    for kind in kinds:
        found = kept.get(kind)
        at = _seconds(found.get("passed_at")) if isinstance(found, Mapping) else None
        if not isinstance(found, Mapping) or at is None:
            was = "did not pass or did not end" if found else "was never run"
            problems.append(f"burnin_{kind} {was}")
            continue
        if valid_days and now - at > valid_days * _DAY_S:
            days = (now - at) / _DAY_S
            problems.append(f"burnin_{kind} passed {days:.0f} days ago ({valid_days} are allowed)")
        if not told_machine(found).is_known:
            problems.append(f"burnin_{kind} does not say on which machine it passed")
        elif newest is None or at > newest[1]:
            newest = (kind, at)
    if newest is not None:
        problems += _other_machines(node, kinds, *newest)
    return tuple(problems)


def _other_machines(node: Node, kinds: Sequence[str], last: str, at: float) -> list[str]:
    """Return which burn-ins were on another machine than the newest, and whether the node has another one now, by their parts."""
    kept = _kept(node)
    machine = told_machine(kept[last])
    problems = [
        f"burnin_{kind} passed with {part} than burnin_{last}"
        for kind in kinds
        for part in differences(told_machine(kept.get(kind)), machine)
    ]
    inspected_at = node.inspection_finished_at
    if inspected_at is not None and inspected_at > at:
        inventory = (node.inventory or {}).get("inventory")
        now = inspected_machine(inventory, knows_disks=not was_told_by_bmc(node))
        problems += [
            f"the inspection after burnin_{last} found {part}" for part in differences(now, machine)
        ]
    return problems


def _kind_of(interface: Any, step: Any) -> str | None:
    if interface != "deploy" or not isinstance(step, str) or not step.startswith(_PREFIX):
        return None
    kind = step.removeprefix(_PREFIX)
    return kind if kind in BURNIN_KINDS else None


def _kept(node: Node) -> dict[str, Any]:
    found = node.driver_internal_info.get(KEY)
    return dict(found) if isinstance(found, Mapping) else {}


def _date(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")


def _seconds(date: Any) -> float | None:
    return datetime.fromisoformat(date).timestamp() if isinstance(date, str) else None
