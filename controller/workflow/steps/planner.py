"""Which steps run, in which order. Pure: offers, wishes and rules in, plan out.

One function plans all kinds. Automated cleaning takes what has a priority above 0; manual cleaning and service take exactly
what was asked for, in that order; a deployment merges both by priority. Source: Ironic's ``conductor/steps.py``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.protocol.foreign_text import clean_line
from agent.protocol.steps import RESERVED_NAMES
from controller.errors import Invalid
from controller.hardware.steps import Argument, Kind, PlannedStep, StepSpec, Where, planned
from controller.workflow.steps.reserved import PAUSES, reserved
from controller.workflow.steps.wishes import INTERFACES, Wish

AGENT_IS_UP = range(41, 100)
"""Priorities of deploy steps that run while the agent is up: below ``deploy``, above its tear-down."""
_RANK: Mapping[Where, int] = {Where.CONTROLLER: 2, Where.BMC: 1, Where.AGENT: 0}
"""Who wins when several offer one step."""
_CORE = "deploy.deploy"
"""The step that brings the agent up; a client can only switch it off."""
_JSON_TYPES: Mapping[str, tuple[type, ...]] = {"number": (int, float), "string": (str,)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the operator's settings and the node's deploy interface say about steps."""

    priorities: Mapping[str, int] = field(default_factory=dict)
    """By ``<interface>.<step>``, for automated cleaning; others keep their own."""
    disallowed: frozenset[str] = frozenset()
    """``<interface>.<step>``."""
    disallowed_by: str = ""
    """Name of the setting, for messages."""
    longest_wait_s: float = 0.0
    core: tuple[StepSpec, ...] = ()
    """The steps that every deployment has, by the node's deploy interface; none in other workflows."""


def plan_steps(
    kind: Kind,
    offers: Iterable[StepSpec],
    wishes: Sequence[Wish] | None,
    rules: Rules,
    *,
    agent_is_known: bool = True,
) -> tuple[PlannedStep, ...]:
    """Plan a workflow's steps.

    Args:
        kind: The workflow.
        offers: Everything that can be done, by whom it ever is; without reserved steps and those of the deploy interface.
        wishes: What was asked for; ``None`` = automated cleaning.
        rules: The operator's.
        agent_is_known: ``offers`` has the agent's steps; without, wishes for unknown steps are left to the next planning.

    Returns:
        The steps in their order; none is disallowed, and none that runs by itself has priority 0.

    Raises:
        Invalid: Names every wish that cannot be carried out, and what is offered.
    """
    by_id = merged(offers)
    if wishes is None:
        return _ordered(_automatic(by_id.values(), rules))
    by_id |= {step.id: step for step in rules.core}
    check_wishes(kind, by_id, wishes, rules, agent_is_known=agent_is_known)
    known = [wish for wish in wishes if find(kind, by_id, wish) is not None]
    if kind is not Kind.DEPLOY:
        return tuple(_wished(kind, by_id, wish) for wish in known)
    return _deployment(by_id, known, rules)


def check_wishes(
    kind: Kind,
    by_id: Mapping[str, StepSpec],
    wishes: Sequence[Wish],
    rules: Rules,
    *,
    agent_is_known: bool,
) -> None:
    """Refuse wishes that cannot be carried out; arguments as :func:`plan_steps`.

    Raises:
        Invalid: Names every one, and what is offered.
    """
    by_id = {**by_id, **{step.id: step for step in rules.core}}
    mistakes = [
        f"{kind} step {clean_line(wish.id)} {text}"
        for wish in wishes
        for text in _mistakes(kind, by_id, wish, rules, agent_is_known)
    ]
    if kind is Kind.DEPLOY:
        mistakes += _without_agent(by_id, wishes, rules)
        ids = [wish.id for wish in wishes if reserved(kind, wish.step, wish.interface) is None]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        mistakes += [f"deploy step {clean_line(one)} is there twice; give it once" for one in twice]
    if mistakes:
        raise Invalid("; ".join(mistakes))


def merged(offers: Iterable[StepSpec]) -> dict[str, StepSpec]:
    """Return the steps by id; of one that several offer the controller's, then a BMC's, then that of higher priority.

    Those under reserved names are left out: the controller's own are meant by these, whatever the interface.
    """
    best: dict[str, StepSpec] = {}
    for step in offers:
        if step.step in RESERVED_NAMES:
            continue
        other = best.get(step.id)
        if other is None or (_RANK[other.where], other.priority) < (
            _RANK[step.where],
            step.priority,
        ):
            best[step.id] = step
    return best


def find(kind: Kind, by_id: Mapping[str, StepSpec], wish: Wish) -> StepSpec | None:
    """Return the step that is wished for; ``None`` = nobody offers it."""
    return reserved(kind, wish.step, wish.interface) or by_id.get(wish.id)


def needs_ramdisk(kind: Kind, offers: Iterable[StepSpec], wishes: Sequence[Wish]) -> bool:
    """Say whether steps that were asked for need the ramdisk; Ironic's rule.

    A step that nobody is known to offer may be the agent's. Only reserved steps are no reason against the ramdisk: who asks
    for nothing but ``hold`` wants to look at the machine with it.
    """
    by_id = merged(offers)
    own = [wish for wish in wishes if not wish.execute_on_child_nodes]
    others = [wish for wish in own if reserved(kind, wish.step, wish.interface) is None]
    specs = [by_id.get(wish.id) for wish in others]
    if any(spec is None or spec.requires_ramdisk for spec in specs):
        return True
    return not others and any(wish.step in PAUSES for wish in own)


def same_so_far(done: Sequence[PlannedStep], plan: Sequence[PlannedStep]) -> int:
    """Return how many steps of a new plan have been done already: the begin that it has in common with ``done``."""
    count = 0
    for before, now in zip(done, plan, strict=False):
        if (before.id, before.args) != (now.id, now.args):
            break
        count += 1
    return count


def _automatic(offers: Iterable[StepSpec], rules: Rules) -> list[PlannedStep]:
    return [
        planned(step, priority=rules.priorities.get(step.id, step.priority))
        for step in offers
        if step.id not in rules.disallowed
    ]


def _deployment(
    by_id: Mapping[str, StepSpec], wishes: Sequence[Wish], rules: Rules
) -> tuple[PlannedStep, ...]:
    """Merge as Ironic does: what is asked for stands in the place of what runs by itself; of priority 0 it does not run."""
    core = {step.id for step in rules.core}
    wished = [_wished(Kind.DEPLOY, by_id, wish) for wish in wishes]
    asked_for = {step.id for step in wished}
    own = [step for step in by_id.values() if step.id not in core | asked_for]
    automatic = [
        step
        for step in _automatic(own, rules)
        # with the operator's priority, which may lie where no agent runs: then it is not taken
        if step.where is not Where.AGENT or step.priority in AGENT_IS_UP
    ]
    left = [planned(step) for step in rules.core if step.id not in asked_for]
    return _ordered([*left, *automatic, *wished])


def _wished(kind: Kind, by_id: Mapping[str, StepSpec], wish: Wish) -> PlannedStep:
    spec = find(kind, by_id, wish)
    if spec is None:
        raise Invalid(f"{kind} step {clean_line(wish.id)} is offered by nobody")
    children = tuple(wish.limit_child_node_execution or ())
    changes: dict[str, Any] = {
        "args": wish.args or None,
        "execute_on_child_nodes": wish.execute_on_child_nodes,
        "limit_child_node_execution": children,
    }
    if wish.priority is not None:
        changes["priority"] = int(wish.priority)
    return planned(spec, **changes)


def _mistakes(
    kind: Kind,
    by_id: Mapping[str, StepSpec],
    wish: Wish,
    rules: Rules,
    agent_is_known: bool,
) -> list[str]:
    """Return what is wrong with a wish, in words that follow its name."""
    if wish.id in rules.disallowed:
        return [f"is not allowed here: it stands in the setting {rules.disallowed_by}"]
    priority = None if wish.priority is None else int(wish.priority)
    if wish.id == _CORE and priority and _CORE in {step.id for step in rules.core}:
        return ["is the core of a deployment and keeps its priority; 0 switches it off"]
    spec = find(kind, by_id, wish)
    if spec is None and agent_is_known:
        known = ", ".join(sorted(by_id)) or "none"
        return [f"is offered by nobody; offered are: {known}"]
    found = [] if spec is None else [*_argument_mistakes(spec, wish), *_limits(spec, wish, rules)]
    in_band = spec is None or spec.asks_agent
    if in_band and priority and priority not in AGENT_IS_UP:
        first, last = AGENT_IS_UP.stop - 1, AGENT_IS_UP.start
        found.append(f"has priority {priority}, but the agent runs from {first} to {last} only")
    if wish.execute_on_child_nodes and (in_band or wish.step in {"hold", "wait"}):
        found.append(
            "cannot be executed on child nodes: no agent runs there for this node; possible are power_on, power_off, "
            "reboot and the steps of a BMC"
        )
    return found


def _without_agent(
    by_id: Mapping[str, StepSpec], wishes: Sequence[Wish], rules: Rules
) -> list[str]:
    """Return the mistakes of a deployment that does not bring the agent up: which steps nobody would know of or carry out."""
    on = [wish for wish in wishes if wish.priority is not None and int(wish.priority)]
    core = {step.id for step in rules.core}
    if _CORE not in core or not any(wish.id == _CORE for wish in wishes if wish not in on):
        return []
    specs = [(wish, find(Kind.DEPLOY, by_id, wish)) for wish in on if wish.id not in core]
    return [
        f"deploy step {clean_line(wish.id)} needs the agent, which {_CORE} brings up; leave that on"
        for wish, spec in specs
        if spec is None or spec.where is Where.AGENT
    ]


def _argument_mistakes(spec: StepSpec, wish: Wish) -> list[str]:
    takes: Mapping[str, Argument] = spec.argsinfo or {}
    given = wish.args or {}
    unknown = sorted(set(given) - set(takes))
    missing = sorted(name for name, info in takes.items() if info.required and name not in given)
    found = []
    if unknown:
        found.append(f"has no argument {', '.join(map(clean_line, unknown))}; {_takes(takes)}")
    is_off = spec.kind is Kind.DEPLOY and wish.priority is not None and not int(wish.priority)
    if missing and not is_off:
        found.append(f"lacks the argument {', '.join(missing)}; {_takes(takes)}")
    for name, info in takes.items():
        wanted = _JSON_TYPES.get(info.type or "", (object,))
        value = given.get(name)
        is_wrong = not isinstance(value, wanted) or isinstance(value, bool)
        if info.type is not None and name in given and is_wrong:
            found.append(f"needs a {info.type} as {name}, not {clean_line(value)!r}")
    return found


def _takes(takes: Mapping[str, Argument]) -> str:
    if not takes:
        return "it takes none"
    words = (
        f"{name} ({'required; ' if info.required else ''}{clean_line(info.description)})"
        for name, info in sorted(takes.items())
    )
    return f"it takes: {', '.join(words)}"


def _limits(spec: StepSpec, wish: Wish, rules: Rules) -> list[str]:
    seconds = (wish.args or {}).get("seconds")
    if spec.runs_as != "wait" or not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return []
    if 0 <= seconds <= rules.longest_wait_s:
        return []
    possible = f"0 to {rules.longest_wait_s:.0f} are possible (setting longest_wait_step_s)"
    return [f"waits {seconds} seconds, but {possible}; use hold to wait for a person"]


def _ordered(steps: Iterable[PlannedStep]) -> tuple[PlannedStep, ...]:
    """Return the steps with a priority, highest first; of one priority by interface, then as they came."""
    taken = [step for step in steps if step.priority > 0]
    return tuple(sorted(taken, key=lambda s: (-s.priority, -INTERFACES.get(s.interface, 0))))
