"""Steps that must not be interrupted (``abortable: false``, a firmware flash): what ends a workflow waits for their end.

As Ironic does: ``abort`` is taken (202), noted as ``abort_after`` in the step, and carried out when the step has ended. Ironic
cuts the power for ``deleted`` at once; here that waits for the step too.
"""

from collections.abc import Mapping
from typing import Any

from controller.states import Event, State
from controller.store.tables import Node

AFTER_STEP = "after_step"
"""Key of a work's data: ``abort`` or ``deleted``, which is carried out when the step has ended."""
ABORTED = "Aborted by request"
_COLUMNS: Mapping[str, str] = {
    State.DEPLOY_WAIT: "deploy_step",
    State.DEPLOYING: "deploy_step",
    State.CLEAN_WAIT: "clean_step",
    State.CLEANING: "clean_step",
}
_VERBS: Mapping[Event, str] = {Event.ABORT: "abort", Event.DELETE: "deleted"}


def unbreakable_step(node: Node) -> str | None:
    """Return the name of the step that runs and must not be interrupted; ``None`` = none."""
    column = _COLUMNS.get(node.provision_state)
    step: Mapping[str, Any] = getattr(node, column) if column else {}
    return str(step.get("step")) if step and not step.get("abortable") else None


def postpone(node: Node, event: Event) -> str | None:
    """Have ``event`` carried out after the step that must not be interrupted.

    Args:
        node: The locked row, with such a step.
        event: ``abort`` or ``delete``; the latter includes the former.

    Returns:
        What to write into the history; ``None`` = it was asked for before.
    """
    verb, column = _VERBS[event], _COLUMNS[node.provision_state]
    work, step = node.work, getattr(node, column)
    if work is None or work.data.get(AFTER_STEP) in {verb, "deleted"}:
        return None
    work.data = {**work.data, AFTER_STEP: verb}
    setattr(node, column, {**step, "abort_after": True})
    kind = column.removesuffix("_step")
    return (
        f"{verb} was asked for; it is carried out after {kind} step {step.get('step')}, which must not be "
        "interrupted"
    )
