"""Which steps a machine offers in a phase, and which manager's step is run.

Two managers may offer a step of the same interface and name. Then one of them counts: the better support level, then
the higher priority, then the name of the manager (Ironic agent API, step deduplication).
"""

from collections.abc import Iterable, Mapping

from agent.errors import InvalidRequest, NotFound
from agent.hardware.capabilities import HardwareManager, Phase, Step
from agent.protocol.steps import StepInfo, StepRequest


def offered_steps(
    managers: Iterable[HardwareManager], phase: Phase
) -> tuple[tuple[HardwareManager, Step], ...]:
    """Return the steps of ``phase`` that count, each with its manager; order of the managers, then of their steps."""
    offers = [(m, s) for m in managers for s in m.steps if phase in s.priorities]
    winners: dict[tuple[str, str], tuple[HardwareManager, Step]] = {}
    for manager, step in offers:
        key = (step.interface, step.name)
        best = winners.get(key)
        if best is None or _precedence(manager, step, phase) < _precedence(*best, phase):
            winners[key] = (manager, step)
    return tuple(o for o in offers if winners[o[1].interface, o[1].name] == o)


def describe_steps(
    managers: Iterable[HardwareManager], phase: Phase
) -> Mapping[str, list[StepInfo]]:
    """Return the steps of ``phase`` as they travel, by the name of their manager; managers without steps are left out."""
    described: dict[str, list[StepInfo]] = {}
    for manager, step in offered_steps(managers, phase):
        described.setdefault(manager.name, []).append(_describe(step, phase))
    return described


def find_step(managers: Iterable[HardwareManager], phase: Phase, request: StepRequest) -> Step:
    """Return the step to run and check the arguments it is given.

    Raises:
        NotFound: No manager offers it in this phase; the message lists what is offered.
        InvalidRequest: A required argument is missing, or one is given that the step does not know.
    """
    offers = {(s.interface, s.name): s for _, s in offered_steps(managers, phase)}
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
