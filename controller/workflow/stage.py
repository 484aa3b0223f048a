"""Stages and workflows as data: what runs, where each way leads, what the state table is told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any, TypeVar

from controller.settings import Settings
from controller.states import Event
from controller.store.tables import Node, Port, Work
from controller.workflow.outcome import DONE, Outcome
from controller.workflow.services import Services

_Function = TypeVar("_Function", bound=Callable[..., Outcome])


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a stage function sees: a snapshot, taken when its worker began. It only reads it."""

    services: Services
    node: Node
    ports: tuple[Port, ...]
    work: Work
    now: float
    """The steady clock: for waits. What people read has ``wall_now``."""

    @property
    def wall_now(self) -> float:
        """Seconds since the epoch, for people; never to be compared with ``now``."""
        return self.services.clock()

    @property
    def settings(self) -> Settings:
        """The controller's settings."""
        return self.services.settings

    @property
    def label(self) -> str:
        """The node's name for messages."""
        return self.node.name or self.node.uuid

    @property
    def stage_name(self) -> str:
        """Name of the stage that runs."""
        return self.work.stage

    @property
    def data(self) -> Mapping[str, Any]:
        """What the workflow has kept since its begin; keys that begin with ``_`` belong to this stage alone."""
        return self.work.data

    @property
    def entered_at(self) -> float:
        """When the stage was entered, by the steady clock."""
        return self.work.entered_at

    @property
    def started_at(self) -> float:
        """When the stage was entered, by the wall clock."""
        return self.work.started_at

    @property
    def tries(self) -> int:
        """How often in a row this work has failed; of background work, which begins again and again."""
        return self.work.tries

    @property
    def silences(self) -> int:
        """How often in a row this stage has met an error that may pass; the next such error is one more."""
        return int(self.work.data.get("_tries") or 0)

    @property
    def is_last_try(self) -> bool:
        """Whether an error that may pass ends the workflow this time."""
        return self.silences + 1 >= self.settings.bmc_tries

    @property
    def is_late(self) -> bool:
        """Whether the stage's deadline has passed."""
        deadline = self.work.deadline_at
        return deadline is not None and self.now >= deadline


StageFunction = Callable[[Context], Outcome]
TimeLimit = Callable[[Settings], float]
_WAYS = "ways"


def leaves_by(*ways: str) -> Callable[[_Function], _Function]:
    """Declare every way that a stage function can leave by; without it that is ``done`` alone.

    The graph is checked against it when the controller starts.
    """

    def declare(function: _Function) -> _Function:
        setattr(function, _WAYS, frozenset(ways))
        return function

    return declare


def ways_of(run: Callable[..., Outcome]) -> frozenset[str]:
    """Return the ways that a stage function, or a ``partial`` of one, has declared."""
    while isinstance(run, partial):
        if hasattr(run, _WAYS):
            break
        run = run.func
    declared: frozenset[str] = getattr(run, _WAYS, frozenset({DONE}))
    return declared


@dataclass(frozen=True, slots=True, kw_only=True)
class To:
    """Where a way leads: the next stage (``None`` = the end) and what happens to the provision state."""

    stage: str | None
    event: Event | None = None
    then: Event | None = None
    """A second step of the state table, of which nobody sees the state between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One bounded, repeatable piece of work.

    ``run`` may be cut off anywhere by the death of the controller and is then run again from its start.
    It makes at most three calls to a BMC or an agent, each with a deadline: one that takes longer is named as stuck.
    """

    run: StageFunction
    ways: Mapping[str, To]
    timeout_s: TimeLimit | None = None
    """Longest stay in this stage, from the moment a worker first begins it; ``None`` = as long as it takes."""
    again_s: TimeLimit | None = None
    """For background work: when it begins again after its end; its data stays."""
    yields: bool = False
    """A verb may take its place at any time; what it was about to bring is dropped."""
    rests: bool = False
    """A person or the boot of the ramdisk is waited for: power and boot device may be changed meanwhile, as in Ironic."""
    is_needed: Callable[[Services, Node], bool] | None = None
    """Whether a node has any need of it; those that have none pass it over by ``done``. ``None`` = all have."""
    is_before_touch: bool = False
    """The workflow has not touched the machine yet: a failure here leaves it as it is."""


class Error(Enum):
    """How the failure of a workflow shows as a node's ``last_error``."""

    SET = "set"
    ADDED = "added"
    """Behind what is there: the failure that led to this workflow, or that it was aborted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """The part of the graph below one prefix (``deploy.``) and what its failure means."""

    title: str
    """For messages: ``"deployment failed: ..."``."""
    fails_with: Event | None = Event.FAIL
    """What the state table is told; ``None`` = the provision state stays."""
    after_failure: str | None = None
    """Stage that tidies up after a failure."""
    error: Error = Error.SET
    """How a failure shows as ``last_error``."""
    faults: Mapping[str, str] = field(default_factory=dict)
    """``{"clean_step": "clean failure"}``: maintenance and this fault when a step was running."""
