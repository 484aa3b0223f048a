"""How far a workflow is with its steps; kept in ``Work.data``. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from controller.errors import StepFailed
from controller.hardware.steps import Kind, PlannedStep, Where, planned
from controller.workflow.steps.core_steps import DIRECT_DEPLOY_STEPS

WISHES = "wishes"
"""Key of a work's data: the steps that were asked for, as the client sent them."""
DISABLE_RAMDISK = "disable_ramdisk"
"""Key of a work's data: the client wants no ramdisk."""
_KEY = "course"


class Course(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A plan and the place in it."""

    kind: Kind
    is_automatic: bool = False
    """Nobody asked for these steps: automated cleaning."""
    uses_ramdisk: bool = True
    steps: tuple[PlannedStep, ...] = ()
    index: int = -1
    """The step that runs or has run last; -1 = none yet."""
    ended: int = -1
    """The last step whose end stands in the history."""
    begun_at: float = 0.0
    """When the step began, by the steady clock."""
    version: Any = None
    """Versions of the agent's hardware managers when it was planned."""
    plans: int = 0
    """How often it was planned."""

    @property
    def step(self) -> PlannedStep:
        """The step that runs or has run last."""
        return self.steps[self.index]

    @property
    def done(self) -> tuple[PlannedStep, ...]:
        """The steps that need not run again when a new plan is made; of the agent's, those whose end has been seen."""
        is_open = self.index > self.ended and self.step.runs_as == "agent"
        return self.steps[: self.index] if is_open else self.steps[: self.index + 1]

    @property
    def following(self) -> PlannedStep | None:
        """The next step; ``None`` = there is none."""
        place = self.index + 1
        return self.steps[place] if place < len(self.steps) else None

    def data(self) -> dict[str, Any]:
        """Return the change of a work's data that keeps it."""
        return {_KEY: msgspec.to_builtins(self)}


def course_of(data: Mapping[str, Any], stage: str = "") -> Course:
    """Return the course of a workflow.

    Args:
        data: The work's data.
        stage: The work's stage; by it the data of an older version are understood.

    Raises:
        StepFailed: There is none that this version can read.
    """
    try:
        if _KEY in data:
            return msgspec.convert(data[_KEY], Course, strict=False)
        return _of_older(data, Kind(stage.partition(".")[0]))
    except (KeyError, ValueError, TypeError) as error:  # msgspec.ValidationError is a ValueError
        raise StepFailed(
            "its steps were planned by another version of the controller, which this one cannot go on with; ask for the "
            "verb again"
        ) from error


def _of_older(data: Mapping[str, Any], kind: Kind) -> Course:
    """Return the course of a work that was begun before there were courses: plan and place lay in its data themselves.

    There were automated cleaning and deployment, and no steps but the agent's and the core ones of a deployment; both are taken on the
    word of their names, as they are what this version has. Anything else is not understood.

    Raises:
        KeyError: There is no plan where one must be.
        ValueError: It has another shape, or a step that nobody knows.
    """
    if kind not in (Kind.CLEAN, Kind.DEPLOY):
        raise ValueError(f"an older version had no {kind} steps")
    begun_at = float(data.get("step_started_at", 0.0))
    if (
        "steps" not in data
    ):  # the ramdisk boots: nothing has been planned, and of a deployment ``deploy`` is what boots it
        if kind is Kind.CLEAN:
            return Course(kind=kind, is_automatic=True)
        first = (planned(DIRECT_DEPLOY_STEPS[0]),)
        return Course(kind=kind, steps=first, index=0, begun_at=float(data["step_started_at"]))
    steps = tuple(_step_of_older(step, kind) for step in data["steps"])
    index = int(data["index"])
    if not -1 <= index < len(steps):
        raise ValueError(f"step {index} of {len(steps)}")
    return Course(
        kind=kind,
        is_automatic=kind is Kind.CLEAN,
        steps=steps,
        index=index,
        ended=max(index - 1, -1),
        begun_at=begun_at,
        version=data.get("version"),
        plans=int(data.get("plans", 1)),
    )


def _step_of_older(step: Mapping[str, Any], kind: Kind) -> PlannedStep:
    if step.get("where", Where.AGENT) == Where.AGENT:
        known = {**step, "kind": kind, "where": Where.AGENT, "runs_as": "agent"}
        return msgspec.convert(known, PlannedStep)
    core = {spec.id: spec for spec in DIRECT_DEPLOY_STEPS}
    return planned(core[f"{step['interface']}.{step['step']}"])
