"""The whole stage graph: every stage of every workflow by name."""

from collections.abc import Mapping

from controller.workflow.stage import Stage, Workflow
from controller.workflow.stages import clean, delete, deploy, failed, inspect, power, verify

_PARTS = (verify, inspect, clean, deploy, power, delete, failed)

STAGES: Mapping[str, Stage] = {
    name: stage for part in _PARTS for name, stage in part.STAGES.items()
}
"""``<workflow>.<stage>``."""
WORKFLOWS: Mapping[str, Workflow] = {
    name: workflow for part in _PARTS for name, workflow in part.WORKFLOWS.items()
}
"""Workflows by the prefix of their stages."""


def workflow_of(stage: str) -> Workflow:
    """Return the workflow that a stage belongs to."""
    return WORKFLOWS.get(stage.partition(".")[0], WORKFLOWS["power"])


def is_busy(stage: str | None) -> bool:
    """Say whether the node is at something that a verb must not interrupt."""
    return stage is not None and not workflow_of(stage).is_background
