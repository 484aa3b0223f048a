"""The whole stage graph: every stage of every workflow by name."""

from collections.abc import Mapping

from controller.errors import SettingsError
from controller.workflow.stage import Stage, Workflow, ways_of
from controller.workflow.stages import (
    adopt,
    child_steps,
    clean,
    delete,
    deploy,
    failed,
    fast_track,
    inspect,
    network,
    power,
    rescue,
    service,
    verify,
)

_PARTS = (
    verify,
    inspect,
    clean,
    deploy,
    service,
    rescue,
    adopt,
    child_steps,
    power,
    delete,
    failed,
    fast_track,
    network,
)

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


def check_graph(
    stages: Mapping[str, Stage] = STAGES, workflows: Mapping[str, Workflow] = WORKFLOWS
) -> None:
    """Refuse a graph with a way that leads nowhere.

    Raises:
        SettingsError: Names every mistake; a plug-in or a change of the program has made it.
    """
    mistakes = [
        *(text for name, stage in stages.items() for text in _mistakes(name, stage, stages)),
        *(
            f"workflow {name} leads to {workflow.after_failure} after a failure, which does not exist"
            for name, workflow in workflows.items()
            if workflow.after_failure is not None and workflow.after_failure not in stages
        ),
        *(
            f"stage {name} belongs to no workflow"
            for name in stages
            if name.partition(".")[0] not in workflows
        ),
    ]
    if mistakes:
        raise SettingsError(f"the graph of stages is wrong: {'; '.join(mistakes)}")


def _mistakes(name: str, stage: Stage, stages: Mapping[str, Stage]) -> list[str]:
    missing = sorted(ways_of(stage.run) - set(stage.ways))
    found = [f"stage {name} can leave by {way!r}, which leads nowhere" for way in missing]
    surplus = sorted(set(stage.ways) - ways_of(stage.run))
    found += [f"stage {name} has the way {way!r}, by which it never leaves" for way in surplus]
    for way, to in stage.ways.items():
        if to.stage is not None and to.stage not in stages:
            found.append(f"stage {name} leads by {way!r} to {to.stage}, which does not exist")
    return found
