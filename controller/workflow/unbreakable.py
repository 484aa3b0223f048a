"""Steps that are waited for when something ends their workflow.

That are those that must not be interrupted (``abortable: false``, a firmware flash): as Ironic does, ``abort`` is taken (202), noted
as ``abort_after`` in the step, and carried out when the step has ended. Ironic cuts the power for ``deleted`` at once; here
that waits for the step too. And it is those that the agent can stop (``stages/stopping.py``): they get the time for it.
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
    State.SERVICE_WAIT: "service_step",
    State.SERVICING: "service_step",
}
_WAITS = frozenset({State.DEPLOY_WAIT, State.SERVICE_WAIT})
_WATCH = ".step.watch"
_VERBS: Mapping[Event, str] = {Event.ABORT: "abort", Event.DELETE: "deleted"}


def unbreakable_step(node: Node) -> str | None:
    """Return the name of the step that runs and must not be interrupted; ``None`` = none."""
    step = _step(node)
    return str(step.get("step")) if step and not step.get("abortable") else None


def is_waited_for(node: Node) -> bool:
    """Say whether the end of the workflow waits for the step that runs: for its own end, or until it is stopped."""
    return unbreakable_step(node) is not None or _is_stoppable(node)


def can_be_cut_off(node: Node) -> bool:
    """Say whether an agent is at a step that ends with its machine's power, as an abort would end it, and nobody ends it already.

    Steps of a BMC, of the controller and of child nodes are none: the power is theirs.
    """
    data = node.work.data if node.work else {}
    is_of_agent = str(node.stage).endswith(_WATCH) and bool(data.get("order"))
    return (
        node.provision_state in _WAITS
        and is_of_agent
        and AFTER_STEP not in data
        and bool(_step(node).get("abortable"))
    )


def postpone(node: Node, event: Event) -> str | None:
    """Have ``event`` carried out after the step that is waited for.

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
    title = f"{column.removesuffix('_step')} step {step.get('step')}"
    if _is_stoppable(node):
        return f"{verb} was asked for; the agent is told to stop {title}"
    return f"{verb} was asked for; it is carried out after {title}, which must not be interrupted"


def _step(node: Node) -> Mapping[str, Any]:
    column = _COLUMNS.get(node.provision_state)
    step: Mapping[str, Any] = (getattr(node, column) if column else None) or {}
    return step


def _is_stoppable(node: Node) -> bool:
    order = (node.work.data.get("order") if node.work else None) or {}
    return bool(_step(node)) and bool(order.get("stoppable"))
