"""An abort inside a running step: the agent is asked to stop it, and its end is waited for.

Agents of ours can stop some steps (``stoppable`` in the command, ``DELETE /v1/commands/<id>``); others cannot stop any, and for
them Ironic's behaviour stays: an abortable step is cut off by the power, another one is waited for.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agent.protocol.commands import CommandResult
from controller.errors import AgentRefused
from controller.signed_certificate import Signed
from controller.store.certificates import sign
from controller.workflow.certificates import of_interrupted
from controller.workflow.machine import agent_of
from controller.workflow.outcome import Note, Outcome, leave
from controller.workflow.stage import Context
from controller.workflow.unbreakable import ABORTED, AFTER_STEP

_ASKED_AT, _REFUSED, _REST = "stop_asked_at", "stop_refused", "stop_rest"


def stop(
    context: Context, kind: str, order: Mapping[str, Any], command: CommandResult, waiting: Outcome
) -> Outcome:
    """Ask the agent to stop a running step, or go on waiting for its end.

    Args:
        context: What the stage function was given.
        kind: Of the step.
        order: What was ordered.
        command: How the agent shows it.
        waiting: What comes of waiting on.
    """
    if order.get(_ASKED_AT) is not None and command.stoppable is False:
        return _wait_for_rest(kind, order, waiting)
    if order.get(_ASKED_AT) is not None:
        return _wait_or_give_up(context, kind, order, waiting)
    if command.stoppable is not True or order.get(_REFUSED):
        return waiting
    title = f"{kind} step {order['title']}"
    try:
        agent_of(context.services, context.node).stop(str(order["id"]))
    except AgentRefused as error:
        text = f"{title} was not stopped, its end is waited for: {error}"
        changes: dict[str, Any] = {_REFUSED: True, "stoppable": False}
        note = Note(kind="step", message=text, severity="WARNING")
    else:
        changes = {_ASKED_AT: context.now}
        note = Note(kind="step", message=f"the agent was told to stop {title}")
    data = {**waiting.data, "order": {**order, **changes}}
    return replace(waiting, data=data, notes=(*waiting.notes, note))


def stopped(
    context: Context,
    kind: str,
    order: Mapping[str, Any],
    words: str,
    certificates: tuple[Signed, ...],
) -> Outcome:
    """Leave by what was asked for, after the step has ended in the middle.

    Args:
        context: What the stage function was given.
        kind: Of the step.
        order: What was ordered.
        words: The agent's, on how far it was.
        certificates: Of disks that the agent reported on; without them an erasure counts as failed.
    """
    seconds = context.now - float(order.get("sent_at", context.now))
    text = f"{kind} step {order['title']} was stopped in the middle after {seconds:.0f} s: {words}"
    return _leave(context, kind, text, certificates)


def _wait_for_rest(kind: str, order: Mapping[str, Any], waiting: Outcome) -> Outcome:
    """Wait for what the agent could not stop of the step, a drive's own erasure: it must not lose its power."""
    if order.get(_REST):
        return waiting
    text = f"{kind} step {order['title']} was stopped where it can be; the end of the rest is waited for"
    note = Note(kind="step", message=text, severity="WARNING")
    data = {**waiting.data, "order": {**order, _REST: True}}
    return replace(waiting, data=data, notes=(*waiting.notes, note))


def _wait_or_give_up(
    context: Context, kind: str, order: Mapping[str, Any], waiting: Outcome
) -> Outcome:
    limit_s = context.settings.step_stop_timeout_s
    if context.now - float(order[_ASKED_AT]) < limit_s or not order.get("abortable"):
        return waiting
    text = (
        f"{kind} step {order['title']} was told to stop and still runs after {limit_s:.0f} s (setting step_stop_timeout_s): "
        "the machine is switched off in the middle of it"
    )
    return _leave(context, kind, text)


def _leave(
    context: Context, kind: str, text: str, certificates: tuple[Signed, ...] = ()
) -> Outcome:
    way = str(context.data[AFTER_STEP])
    cut_off = of_interrupted(
        context.node,
        context.stage_name,
        text,
        controller=context.services.hostname,
        at=context.wall_now,
    )
    return leave(
        way,
        columns={
            "progress": None,
            "last_error": f"{ABORTED}: {text}" if way == "abort" else None,
            f"{kind}_step": {},
        },
        data={AFTER_STEP: None},
        notes=(Note(kind="step", message=text),),
        certificates=certificates or sign(context.services.store, cut_off, at=context.wall_now),
    )
