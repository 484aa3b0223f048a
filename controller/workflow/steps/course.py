"""How far a workflow is with its steps; kept in ``Work.data``. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from controller.errors import StepFailed
from controller.workflow.steps.spec import Kind, PlannedStep

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


def course_of(data: Mapping[str, Any]) -> Course:
    """Return the course of a workflow.

    Raises:
        StepFailed: There is none that this version can read.
    """
    try:
        return msgspec.convert(data[_KEY], Course, strict=False)
    except (KeyError, msgspec.ValidationError) as error:
        raise StepFailed(
            "its steps were planned by another version of the controller, which this one cannot go on with; ask for the "
            "verb again"
        ) from error
