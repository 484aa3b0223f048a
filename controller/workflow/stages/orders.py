"""Orders to the agent that take long: given once, watched until they end, adopted after a restart.

An order goes through three stages. ``announce`` (or the workflow's own stage) stores which commands the
agent has already had; ``send`` gives the order, unless the agent shows a new command of that name: then
an earlier run of ``send`` has given it, and it is adopted; ``watch`` looks at it until it has ended.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec

from agent.protocol.commands import COMMAND_STOPPED, CommandResult, CommandStatus
from agent.protocol.foreign_text import clean_line
from controller.errors import StepFailed
from controller.signed_certificate import Signed
from controller.states import Event
from controller.store.certificates import sign
from controller.workflow import burnin, certificates, raid_result, receipts
from controller.workflow.agent_restart import restart_words
from controller.workflow.agent_view import ordered_erase_level
from controller.workflow.limits import moved, silence_limit
from controller.workflow.machine import agent_of
from controller.workflow.outcome import Note, Outcome, leave, stay
from controller.workflow.stage import Context, Stage, To, leaves_by
from controller.workflow.stages import stopping
from controller.workflow.unbreakable import AFTER_STEP

_REASONS = ("details", "message", "error")
_SEEN = "_seen"
Params = Callable[[Context], Mapping[str, Any]]
"""The parameters of an order, made when it is given."""


def order_stages(prefix: str, params: Params, ways: Mapping[str, To]) -> Mapping[str, Stage]:
    """Return ``<prefix>.send`` and ``<prefix>.watch``; the latter leaves by ``ways``.

    Args:
        prefix: First part of the stages' names.
        params: Makes the parameters.
        ways: ``done``; optionally ``reboot`` (the step asks for one) and ``changed`` (the agent's hardware
            managers are no longer those that the steps were planned for).
    """
    kind = prefix.partition(".")[0]
    return {
        f"{prefix}.send": Stage(
            run=lambda context: send(context, params),
            ways={"done": To(stage=f"{prefix}.watch", event=Event.WAIT)},
        ),
        f"{prefix}.watch": Stage(
            run=leaves_by(*ways)(partial(watch, kind=kind, ways=frozenset(ways))),
            ways=ways,
            timeout_s=lambda settings: silence_limit(settings, kind, "")[1],
        ),
    }


def new_order(context: Context, name: str, title: str) -> dict[str, Any]:
    """Return what to remember (``data["order"]``) before an order is given."""
    seen = [command.id for command in agent_of(context.services, context.node).commands()]
    return {"name": name, "title": title, "seen": seen, "id": None}


def send(context: Context, params: Params) -> Outcome:
    """Give the order, or adopt it if the agent has it already."""
    order = context.data["order"]
    agent = agent_of(context.services, context.node)
    command = _adopted(agent.commands(), order)
    notes: tuple[Note, ...] = ()
    if command is None:
        command = agent.execute(order["name"], params(context))
    else:
        notes = (Note(kind="step", message=f"{order['title']}: found it already at the agent"),)
    return leave(data={"order": {**order, "id": command.id, "sent_at": context.now}}, notes=notes)


def watch(context: Context, *, kind: str, ways: frozenset[str]) -> Outcome:
    """Look how far the order is, a step's of ``kind``; leaves by one of ``ways``."""
    order = context.data["order"]
    if not context.node.driver_internal_info.get("agent_url"):
        raise StepFailed(
            f"{order['title']} was cut off: the machine was switched off or rebooted by a power order while the agent was at it; "
            "what it was writing is incomplete"
        )
    command = _find(context, order)
    if command.command_status == CommandStatus.RUNNING:
        progress = _progress(context, order, command)
        if context.data.get(AFTER_STEP) in ways:
            return stopping.stop(
                context, kind, order, command, _go_on(context, kind, order, progress)
            )
        return _noting_stoppable(_go_on(context, kind, order, progress), order, command)
    if _was_stopped(command) and context.data.get(AFTER_STEP) in ways:
        made = _certificates(context, command)
        return stopping.stopped(context, kind, order, error_text(command), made)
    if command.command_status == CommandStatus.VERSION_MISMATCH and "changed" in ways:
        return leave("changed", columns={"progress": None})
    if command.command_status in {CommandStatus.FAILED, CommandStatus.VERSION_MISMATCH}:
        raise StepFailed(
            f"{order['title']} failed on the agent: {error_text(command)}",
            certificates=_certificates(context, command),
        )
    way = "reboot" if order.get("reboot_requested") and "reboot" in ways else "done"
    receipt = receipts.receipt_of(command.command_result)
    made = _certificates(context, command)
    notes = receipts.notes_of(command.command_result)
    if made:
        verdicts = [one.verdict for one in made]
        text = certificates.summary(verdicts)
        notes = (*notes, Note(kind="step", message=text, data={"verdicts": verdicts}))
    raid = raid_result.columns_of(context, kind, command.command_result)
    if raid:
        notes = (*notes, *raid_result.notes_of(command.command_result[f"{kind}_result"]))
    return leave(
        way,
        columns={"progress": None, **raid},
        internal={
            **({receipts.KEY: msgspec.to_builtins(receipt)} if receipt else {}),
            **burnin.passed(context.node, kind, command.command_result, context.wall_now),
        },
        data={"result": _small(command.command_result)},
        notes=notes,
        certificates=made,
    )


def _certificates(context: Context, command: CommandResult) -> tuple[Signed, ...]:
    """Return what a step that erased disks is to be certified with; none for other steps and other agents."""
    controller, at = context.services.hostname, context.wall_now
    made: tuple[Mapping[str, Any], ...]
    try:
        report = certificates.report_of(command.command_result)
    except certificates.UnreadableReport as error:
        reason = f"the agent's report cannot be read: {error}"
        step = str(context.data["order"]["title"])
        made = (certificates.unseen(context.node, step, reason, controller=controller, at=at),)
    else:
        if report is None:
            return ()
        made = certificates.certificates_of(
            report,
            context.node,
            ordered=ordered_erase_level(context.node, context.settings),
            controller=controller,
            at=at,
        )
    return sign(context.services.store, made, at=at)


def _go_on(
    context: Context, kind: str, order: Mapping[str, Any], progress: dict[str, Any] | None
) -> Outcome:
    """Stay as long as the progress moves, and for the time that its kind of step has without."""
    setting, limit_s = silence_limit(context.settings, kind, order["title"])
    seen = moved(context.data.get(_SEEN), progress)
    return stay(
        context.services.paces.steps.pause_s(context.settings.progress_poll_interval_s),
        waiting_for=f"{context.label}: {order['title']} is still running on the agent and has reported no "
        f"progress for {limit_s:.0f} s",
        advice=f"look at the machine's console, and raise {setting} if it only needs longer",
        columns={"progress": progress},
        data={} if seen is None else {_SEEN: seen},
        deadline_in_s=None if seen is None else limit_s,
    )


def _was_stopped(command: CommandResult) -> bool:
    """Say whether the agent ended it because it was told to: its word counts, not our note that we told it.

    A step that fails by itself after that is a failure, and a controller that died after it told the agent has no note.
    """
    error = command.command_error
    kind = error.get("type") if isinstance(error, Mapping) else None
    return command.command_status == CommandStatus.FAILED and kind == COMMAND_STOPPED


def _noting_stoppable(
    outcome: Outcome, order: Mapping[str, Any], command: CommandResult
) -> Outcome:
    """Remember whether the agent can stop it, for the verb that asks for its end."""
    is_stoppable = command.stoppable is True
    if bool(order.get("stoppable")) is is_stoppable:
        return outcome
    return replace(outcome, data={**outcome.data, "order": {**order, "stoppable": is_stoppable}})


def ask(
    context: Context, name: str, params: Mapping[str, Any], *, timeout_s: float | None = None
) -> Any:
    """Give a short order, wait for its end and return its result; ``timeout_s`` = another limit than the setting.

    Raises:
        StepFailed: It failed on the agent.
    """
    agent = agent_of(context.services, context.node, timeout_s=timeout_s)
    command = agent.execute(name, params, wait=True)
    if command.command_status == CommandStatus.RUNNING:
        raise StepFailed(
            f"the agent answered to {name} before it had ended, though it was told to wait"
        )
    if command.command_status != CommandStatus.SUCCEEDED:
        raise StepFailed(f"{name} failed on the agent: {error_text(command)}")
    return command.command_result


def error_text(command: CommandResult) -> str:
    """Return why a command failed, in the agent's words."""
    error = command.command_error
    if isinstance(error, Mapping):
        error = next((error[key] for key in _REASONS if error.get(key)), None)
    if error:
        return clean_line(error)
    return "it gave no reason; collect its log for more"


def _adopted(commands: Sequence[CommandResult], order: Mapping[str, Any]) -> CommandResult | None:
    short_name = order["name"].partition(".")[2]
    fresh = [
        command
        for command in commands
        if command.command_name in {short_name, order["name"]} and command.id not in order["seen"]
    ]
    return fresh[-1] if fresh else None


def _find(context: Context, order: Mapping[str, Any]) -> CommandResult:
    for command in agent_of(context.services, context.node).commands():
        if command.id == order["id"]:
            return command
    raise StepFailed(restart_words(context))


def _progress(
    context: Context, order: Mapping[str, Any], command: CommandResult
) -> dict[str, Any] | None:
    if command.progress is None:
        return None
    told: dict[str, Any] = msgspec.to_builtins(command.progress)
    texts = {key: clean_line(value) for key, value in told.items() if isinstance(value, str)}
    return {"step": order["title"], **told, **texts, "updated_at": context.wall_now}


def _small(result: Any) -> Any:
    """Keep a result only if it is small; it is for the history, not for data."""
    return result if len(str(result)) < 2000 else None  # noqa: PLR2004  # a screen of text
