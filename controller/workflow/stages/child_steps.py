"""Steps of a node that its child nodes carry out (``execute_on_child_nodes``): a DPU or a blade below its host.

The parent's stages only ask and look: every child runs the step as work of its own, with its own lock, by its own controller,
and says in ``driver_internal_info`` what was asked for last and what has ended well.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from controller.errors import NotFound, StepFailed
from controller.hardware.steps import PlannedStep
from controller.store.nodes import get_node
from controller.store.tables import Node
from controller.workflow.children import ASKED, CHILDREN, ENDED, children_of, obstacle
from controller.workflow.outcome import Asked, Note, Outcome, leave, stay
from controller.workflow.stage import Context, Stage, To, Workflow
from controller.workflow.stages.step_runners import RUNNERS, Runner

_STEP, _ORDER = "child_step", "child_order"
_BEGIN = "child.begin"


def runner_of(step: PlannedStep) -> Runner:
    """Return who carries out a step that is not the agent's."""
    return ON_CHILDREN if step.execute_on_child_nodes else RUNNERS[step.runs_as]


def _begin(context: Context, step: PlannedStep) -> Outcome:
    """Find the children.

    Raises:
        StepFailed: One that was named is no child of this node, or one cannot begin; none has begun then.
    """
    found = {child.uuid: child for child in _children(context, None)}
    children = set(found)
    wanted = set(step.limit_child_node_execution) or children
    strangers = sorted(wanted - children)
    if strangers:
        raise StepFailed(
            f"{step.title}: limit_child_node_execution names {', '.join(strangers)}, which have not {context.label} as "
            f"their parent_node; its child nodes are: {', '.join(sorted(children)) or 'none'}"
        )
    _refuse_obstacles(context, step, [found[one] for one in sorted(wanted)])
    text = f"{step.title} is for {len(wanted)} child nodes"
    order = {"id": str(uuid.uuid4()), "left": sorted(wanted)}
    return leave(data={CHILDREN: order}, notes=(Note(kind="step", message=text),))


def _look(context: Context, step: PlannedStep) -> Outcome:
    """Have the first child that has not had the step carry it out; leave when all have."""
    order_id, left = str(context.data[CHILDREN]["id"]), list(context.data[CHILDREN]["left"])
    found = {child.uuid: child for child in _children(context, left)}
    while left:
        child = found.get(left[0])
        if child is None:
            raise StepFailed(
                f"{step.title}: {_gone(context, left[0])}; the step has not ended there"
            )
        if child.driver_internal_info.get(ENDED) != order_id:
            return _wait_for(context, step, child, {"id": order_id, "left": left})
        left = left[1:]
    return leave(data={CHILDREN: None})


def _gone(context: Context, uuid: str) -> str:
    """Say what became of a child that is none any more."""
    try:
        with context.services.store.read() as session:
            node = get_node(session, uuid)
    except NotFound:
        return f"child node {uuid} was deleted meanwhile"
    name, parent = node.name or uuid, node.parent_node or "none"
    return f"child node {name} was given another parent_node meanwhile ({parent})"


def _refuse_obstacles(context: Context, step: PlannedStep, children: Sequence[Node]) -> None:
    found = [why for child in children if (why := obstacle(context.services, child))]
    if found:
        raise StepFailed(
            f"{step.title} was not begun on child nodes: {'; '.join(found)}; mend that, or name the others in"
            " limit_child_node_execution"
        )


def _wait_for(
    context: Context, step: PlannedStep, child: Node, children: Mapping[str, Any]
) -> Outcome:
    order = children["id"]
    name = child.name or child.uuid
    asked: tuple[Asked, ...] = ()
    if child.driver_internal_info.get(ASKED) != order:
        _refuse_obstacles(context, step, [child])
        plain = msgspec.structs.replace(step, execute_on_child_nodes=False)
        data = {_STEP: msgspec.to_builtins(plain), _ORDER: order}
        text = f"{step.title} was asked for by its parent node {context.label}"
        asked = (
            Asked(uuid=child.uuid, stage=_BEGIN, data=data, internal={ASKED: order}, text=text),
        )
    elif child.stage is None:
        raise StepFailed(
            f"{step.title} failed on child node {name}: {child.last_error or 'its history says why'}"
        )
    return stay(
        context.services.paces.power_changes.pause_s(context.settings.power_poll_interval_s),
        waiting_for=f"{context.label}: {step.title} has not ended on child node {name}, which is at "
        f"{child.stage or 'nothing'}",
        advice="look at the child node's history",
        data={CHILDREN: dict(children)},
        asked=asked,
    )


def _children(context: Context, uuids: Sequence[str] | None) -> Sequence[Node]:
    with context.services.store.read() as session:
        return children_of(session, context.node, uuids)


def _step_of(data: Mapping[str, Any]) -> PlannedStep:
    return msgspec.convert(data[_STEP], PlannedStep)


def _child_begins(context: Context) -> Outcome:
    """Begin the step on the child's own machine."""
    step = _step_of(context.data)
    return RUNNERS[step.runs_as].begin(context, step)


def _child_looks(context: Context) -> Outcome:
    """Go on with the step on the child's own machine; its end is written down for the parent."""
    step = _step_of(context.data)
    outcome = RUNNERS[step.runs_as].look(context, step)
    if outcome.way is None:
        return outcome
    return leave(
        columns=outcome.columns,
        internal={**outcome.internal, ENDED: context.data[_ORDER]},
        notes=(*outcome.notes, Note(kind="step", message=f"{step.title} has ended")),
    )


ON_CHILDREN = Runner(begin=_begin, look=_look)
STAGES: Mapping[str, Stage] = {
    _BEGIN: Stage(run=_child_begins, ways={"done": To(stage="child.look")}),
    "child.look": Stage(
        run=_child_looks,
        ways={"done": To(stage=None)},
        timeout_s=lambda settings: settings.clean_step_timeout_s,
    ),
}
WORKFLOWS: Mapping[str, Workflow] = {
    "child": Workflow(title="a step for the parent node", fails_with=None)
}
