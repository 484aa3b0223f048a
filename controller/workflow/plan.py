"""Which steps a cleaning or deployment takes, in which order. Pure: offers and wishes in, plan out.

Source: Ironic's steps (higher priority first, 0 = not taken; equal priorities by interface).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from controller.errors import Invalid, StepFailed

_INTERFACE_RANK = {"vendor": 7, "power": 6, "management": 5, "firmware": 4, "deploy": 3, "bios": 2}
_AGENT_IS_UP = range(41, 100)
"""Priorities of deploy steps that run while the agent is up: below ``deploy``, above its tear-down."""
AGENT = "agent"
CONTROLLER = "controller"


class PlannedStep(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step of a plan; ``where`` says who carries it out."""

    step: str
    interface: str
    priority: int
    args: dict[str, Any] | None = None
    reboot_requested: bool = False
    abortable: bool = False
    where: str = AGENT

    @property
    def key(self) -> tuple[str, str]:
        """What makes two steps the same."""
        return (self.interface, self.step)

    def shown(self) -> dict[str, Any]:
        """Return the step as the node's ``clean_step`` or ``deploy_step`` shows it."""
        return {
            "step": self.step,
            "interface": self.interface,
            "priority": self.priority,
            "reboot_requested": self.reboot_requested,
            "abortable": self.abortable,
        }


def _core(step: str, priority: int, where: str = CONTROLLER) -> PlannedStep:
    return PlannedStep(
        step=step, interface="deploy", priority=priority, abortable=True, where=where
    )


DEPLOY = _core("deploy", 100)
CORE_DEPLOY_STEPS = (
    DEPLOY,
    _core("write_image", 80, where=AGENT),
    _core("prepare_instance_boot", 60),
    _core("tear_down_agent", 40),
    _core("boot_instance", 20),
)
"""The deploy steps of Ironic's ``direct`` deploy interface."""


def offered_steps(result: Any, kind: str) -> tuple[PlannedStep, ...]:
    """Read the result of ``get_clean_steps`` or ``get_deploy_steps``; ``kind`` is the first word.

    Raises:
        StepFailed: The answer has another shape.
    """
    by_manager: Any = result.get(f"{kind}_steps") if isinstance(result, Mapping) else None
    try:
        return tuple(
            msgspec.convert(
                {**step, "where": AGENT, "abortable": bool(step.get("abortable"))}, PlannedStep
            )
            for steps in dict(by_manager).values()
            for step in steps
        )
    except (TypeError, ValueError, AttributeError, msgspec.ValidationError) as error:
        raise StepFailed(f"the agent's list of {kind} steps cannot be read: {error}") from error


def plan_cleaning(
    offered: Iterable[PlannedStep], priorities: Mapping[str, int]
) -> tuple[PlannedStep, ...]:
    """Order the automated cleaning.

    Args:
        offered: What the agent can do.
        priorities: The operator's priorities by name of the step; others keep the agent's.
    """
    chosen = (
        msgspec.structs.replace(step, priority=priorities.get(step.step, step.priority))
        for step in offered
    )
    return _ordered(chosen)


def plan_deployment(
    offered: Iterable[PlannedStep], wishes: Sequence[Mapping[str, Any]]
) -> tuple[PlannedStep, ...]:
    """Merge the core steps, the agent's steps with a priority above 0, and the client's wishes.

    Raises:
        Invalid: A wish names a step that nobody offers, or a priority at which no agent runs.
    """
    core = {step.key: step for step in CORE_DEPLOY_STEPS}
    in_band = {step.key: step for step in offered if step.key not in core}
    taken = {key: step for key, step in in_band.items() if step.priority in _AGENT_IS_UP}
    for wish in wishes:
        step = _wished(wish, in_band, core)
        taken[step.key] = step
    return _ordered([*core.values(), *taken.values()])


def _wished(
    wish: Mapping[str, Any],
    in_band: Mapping[tuple[str, str], PlannedStep],
    core: Mapping[tuple[str, str], PlannedStep],
) -> PlannedStep:
    key = (str(wish["interface"]), str(wish["step"]))
    name = ".".join(key)
    if key in core:
        raise Invalid(
            f"deploy step {name} is part of every deployment; leave it out of deploy_steps"
        )
    if key not in in_band:
        known = ", ".join(sorted(".".join(key) for key in in_band)) or "none"
        raise Invalid(f"the agent offers no deploy step {name}; it offers: {known}")
    priority = int(wish["priority"])
    if priority and priority not in _AGENT_IS_UP:
        raise Invalid(
            f"deploy step {name} has priority {priority}, but the agent runs from "
            f"{_AGENT_IS_UP.stop - 1} to {_AGENT_IS_UP.start} only"
        )
    return msgspec.structs.replace(in_band[key], priority=priority, args=wish.get("args"))


def _ordered(steps: Iterable[PlannedStep]) -> tuple[PlannedStep, ...]:
    best: dict[tuple[str, str], PlannedStep] = {}
    for step in steps:
        if step.priority > 0 and (step.key not in best or best[step.key].priority < step.priority):
            best[step.key] = step
    return tuple(
        sorted(best.values(), key=lambda s: (-s.priority, -_INTERFACE_RANK.get(s.interface, 0)))
    )
