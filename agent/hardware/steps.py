"""Which steps a machine offers in a phase to a node, and which manager's step is run.

Two managers may offer a step of the same interface and name. Then one of them counts: the better support level, then
the higher priority, then the name of the manager (Ironic agent API, step deduplication).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.errors import AgentError, InvalidRequest, NotFound, PluginError
from agent.hardware.capabilities import HardwareManager, Phase, Step
from agent.protocol.steps import RESERVED_NAMES, StepInfo, StepRequest


@dataclass(frozen=True, slots=True)
class Subject:
    """For whom the steps are: the node and its ports, as the controller sent them; both empty when none are known."""

    node: Mapping[str, Any] = field(default_factory=dict)
    ports: Sequence[Mapping[str, Any]] = ()


def offered_steps(
    managers: Iterable[HardwareManager], phase: Phase, subject: Subject
) -> tuple[tuple[HardwareManager, Step], ...]:
    """Return the steps of ``phase`` that count, each with its manager; order of the managers, then of their steps.

    Raises:
        PluginError: A manager cannot say which steps it has.
    """
    offers = [(m, s) for m in managers for s in steps_of(m, subject) if phase in s.priorities]
    winners: dict[tuple[str, str], tuple[HardwareManager, Step]] = {}
    for manager, step in offers:
        key = (step.interface, step.name)
        best = winners.get(key)
        if best is None or _precedence(manager, step, phase) < _precedence(*best, phase):
            winners[key] = (manager, step)
    return tuple(o for o in offers if winners[o[1].interface, o[1].name] == o)


def steps_of(manager: HardwareManager, subject: Subject) -> tuple[Step, ...]:
    """Return the steps that one manager has for a node.

    Raises:
        PluginError: It failed to say, or has two of the same interface and name.
    """
    if not callable(manager.steps):
        return manager.steps
    try:
        steps = tuple(manager.steps(subject.node, subject.ports))
    except AgentError:
        raise
    except Exception as error:  # a foreign plug-in: whatever it raises is reported with its name
        raise PluginError(
            f"hardware manager {manager.name} failed to say which steps it has for this node:"
            f" {type(error).__name__}: {error}"
        ) from error
    check_steps(manager.name, steps)
    return steps


def check_steps(manager: str, steps: Iterable[Step]) -> None:
    """Check the steps of one manager.

    Raises:
        PluginError: Two have the same interface and name, or one has a reserved name.
    """
    seen = set()
    for step in steps:
        if step.name in RESERVED_NAMES:
            raise PluginError(
                f"hardware manager {manager} has the step {step.interface}.{step.name}: {', '.join(RESERVED_NAMES)} are reserved names, "
                "which controllers carry out themselves whatever the interface; rename it"
            )
        if (step.interface, step.name) in seen:
            raise PluginError(
                f"hardware manager {manager} has two steps {step.interface}.{step.name}; remove one"
            )
        seen.add((step.interface, step.name))


def describe_steps(
    managers: Iterable[HardwareManager], phase: Phase, subject: Subject
) -> Mapping[str, list[StepInfo]]:
    """Return the steps of ``phase`` as they travel, by the name of their manager; managers without steps are left out."""
    described: dict[str, list[StepInfo]] = {}
    for manager, step in offered_steps(managers, phase, subject):
        described.setdefault(manager.name, []).append(_describe(step, phase))
    return described


def find_step(
    managers: Iterable[HardwareManager], phase: Phase, request: StepRequest, subject: Subject
) -> Step:
    """Return the step to run and check the arguments it is given.

    Raises:
        NotFound: No manager offers it in this phase; the message lists what is offered.
        InvalidRequest: A required argument is missing, or one is given that the step does not know.
    """
    offers = {(s.interface, s.name): s for _, s in offered_steps(managers, phase, subject)}
    step = offers.get((request.interface, request.step))
    if step is None:
        known = ", ".join(sorted(f"{interface}.{name}" for interface, name in offers)) or "none"
        raise NotFound(
            f"no hardware manager offers the {phase} step {request.interface}.{request.step}; offered: {known}"
        )
    _check_arguments(step, request.args or {})
    return step


def _precedence(manager: HardwareManager, step: Step, phase: Phase) -> tuple[int, int, str]:
    return (-manager.support, -step.priorities[phase], manager.name)


def _describe(step: Step, phase: Phase) -> StepInfo:
    return StepInfo(
        step=step.name,
        priority=step.priorities[phase],
        interface=step.interface,
        reboot_requested=step.reboot_requested,
        abortable=None if phase is Phase.DEPLOY else step.abortable,
        argsinfo=dict(step.args) if step.args else None,
    )


def _check_arguments(step: Step, given: Mapping[str, object]) -> None:
    if step.args is None:
        return
    missing = [name for name, info in step.args.items() if info.required and name not in given]
    unknown = [name for name in given if name not in step.args]
    name = f"step {step.interface}.{step.name}"
    if missing:
        raise InvalidRequest(
            f"{name}: argument {', '.join(missing)} is required; add it to the step's args"
        )
    if unknown:
        known = ", ".join(step.args) or "none"
        raise InvalidRequest(f"{name}: unknown argument {', '.join(unknown)}; known: {known}")
