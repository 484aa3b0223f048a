"""Stages and workflows as data: what runs, where each way leads, what the state table is told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.settings import Settings
from controller.states import Event
from controller.store.tables import Node, Port
from controller.workflow.outcome import Outcome
from controller.workflow.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a stage function sees: a snapshot, taken when the node was claimed. It only reads it."""

    services: Services
    node: Node
    ports: tuple[Port, ...]
    now: float

    @property
    def settings(self) -> Settings:
        """The controller's settings."""
        return self.services.settings

    @property
    def label(self) -> str:
        """The node's name for messages."""
        return self.node.name or self.node.uuid

    @property
    def stage_name(self) -> str | None:
        """Name of the stage that runs."""
        return self.node.stage

    @property
    def data(self) -> Mapping[str, Any]:
        """What the workflow has kept since its begin; keys that begin with ``_`` belong to this stage alone."""
        return self.node.stage_data

    @property
    def entered_at(self) -> float | None:
        """When the stage began, in seconds since the epoch; ``None`` = the node is in none."""
        return self.node.stage_started_at

    @property
    def is_late(self) -> bool:
        """Whether the stage's deadline has passed."""
        deadline = self.node.stage_deadline_at
        return deadline is not None and self.now >= deadline


StageFunction = Callable[[Context], Outcome]
TimeLimit = Callable[[Settings], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class To:
    """Where a way leads: the next stage (``None`` = the end) and what happens to the provision state."""

    stage: str | None
    event: Event | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One bounded, repeatable piece of work.

    ``run`` may be cut off anywhere by the death of the controller and is then run again from its start.
    It makes at most two calls to a BMC or an agent, so that it is over before the claim's lease.
    """

    run: StageFunction
    ways: Mapping[str, To]
    timeout_s: TimeLimit | None = None
    """Longest stay in this stage; ``None`` = as long as it takes."""
    is_before_touch: bool = False
    """The workflow has not touched the machine yet: a failure here leaves it as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """The part of the graph below one prefix (``deploy.``) and what its failure means."""

    title: str
    """For messages: ``"deployment failed: ..."``."""
    fails_with: Event | None = Event.FAIL
    """What the state table is told; ``None`` = the provision state stays."""
    after_failure: str | None = None
    """Stage that tidies up after a failure."""
    is_background: bool = False
    """A verb may take its place at any time."""
    sets_error: bool = True
    """Whether a failure shows as ``last_error``."""
    faults: Mapping[str, str] = field(default_factory=dict)
    """``{"clean_step": "clean failure"}``: maintenance and this fault when a step was running."""
