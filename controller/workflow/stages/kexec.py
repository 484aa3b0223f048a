"""The end of a deployment by kexec: the agent starts the deployed system in place of the ramdisk, and the machine stays on.

Any doubt leads to an ordinary start through the firmware, with a note in the history: an agent that does not know the order, that
refuses it, or that is heard again after it. What was done until then does no harm to a boot.

That the new kernel runs is known by the agent's last word, which it says after the order and before the start, and by silence: nothing
is heard of it any more, and the machine is on. Silence alone proves nothing: an agent that died, or that the network was cut off from,
is silent, too. Each stage may run again from its start.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.protocol.commands import CommandResult, CommandStatus
from agent.protocol.foreign_text import clean_line
from controller.boot.switches import is_kexec
from controller.errors import AgentRefused, AgentUnreachable
from controller.hardware.bmc import PowerState
from controller.workflow.kexec import kexec_obstacle
from controller.workflow.machine import ENDED_AT, HEARD_AT, agent_of, forget_agent, power_of
from controller.workflow.networks.plan import Moment
from controller.workflow.outcome import Note, Outcome, leave, stay
from controller.workflow.stage import Context, Stage, StageFunction, To, leaves_by
from controller.workflow.stages import orders, power
from controller.workflow.stages.network import other_network
from controller.workflow.steps.course import course_of

STARTED = "kexec_started"
"""Key of a work's data: the deployed system was started, so nobody has to boot the machine."""
_PREPARE, _START = "standby.prepare_kexec", "standby.start_kexec"
_TITLE = "start by kexec"
_QUIET_S = 5.0
"""So long nothing must be heard of the agent after the order."""
_GRACE_S = 30.0
_SHARE = 2
"""The agent tries for this part of ``kexec_timeout_s`` to say its last word; after all of it the power is cut."""
_LOOK_S = 1.0
_ANSWERS_WITHIN_S = 5.0
_SHOWN_CHARS = 200
_ADVICE = "look at the machine's console"


def kexec_stages(
    prefix: str, *, disk: StageFunction, off: str, cut: str, started: To
) -> Mapping[str, Stage]:
    """Return the stages ``<prefix>.kexec.*``; the first is ``<prefix>.kexec.ask``.

    Args:
        prefix: First part of the stages' names.
        disk: Has the firmware boot the disk at the next start.
        off: Stage of the ordinary way while the agent answers.
        cut: Stage of the ordinary way when it may not.
        started: Where the running system leads.
    """
    at = f"{prefix}.kexec"
    return {
        f"{at}.ask": Stage(
            run=ask, ways={"done": To(stage=f"{at}.send"), "firmware": To(stage=off)}
        ),
        f"{at}.send": Stage(
            run=send, ways={"done": To(stage=f"{at}.watch"), "firmware": To(stage=off)}
        ),
        f"{at}.watch": Stage(
            run=watch,
            ways={
                "done": To(stage=f"{at}.boot_device"),
                "firmware": To(stage=off),
                "stuck": To(stage=cut),
            },
            timeout_s=lambda settings: settings.kexec_timeout_s,
        ),
        f"{at}.boot_device": Stage(run=disk, ways={"done": To(stage=f"{at}.last_look")}),
        f"{at}.last_look": Stage(
            run=last_look, ways={"done": To(stage=f"{at}.start"), "firmware": To(stage=off)}
        ),
        f"{at}.start": Stage(
            run=start, ways={"done": To(stage=f"{at}.wait"), "firmware": To(stage=off)}
        ),
        f"{at}.wait": Stage(
            run=wait,
            ways={"done": started, "firmware": To(stage=cut)},
            timeout_s=lambda settings: settings.kexec_timeout_s,
        ),
    }


def wants_kexec(context: Context) -> bool:
    """Say whether the node's system is to be started by kexec."""
    return is_kexec(context.node.driver_info, context.settings)


@leaves_by("done", "firmware")
def ask(context: Context) -> Outcome:
    """Look whether the agent may be asked, and note which commands it has had."""
    course = course_of(context.data, context.stage_name)
    why = kexec_obstacle(context.node, context.settings, course)
    why = why or other_network(context, Moment.TENANT)
    if why:
        return _firmware(why)
    try:
        return leave(data={"order": orders.new_order(context, _PREPARE, _TITLE)})
    except (AgentRefused, AgentUnreachable) as error:
        return _firmware(str(error))


@leaves_by("done", "firmware")
def send(context: Context) -> Outcome:
    """Order the agent to load the deployed system's kernel; agents of others do not know the order."""
    try:
        return orders.send(context, lambda _context: {})
    except (AgentRefused, AgentUnreachable) as error:
        return _firmware(str(error))


@leaves_by("done", "firmware", "stuck")
def watch(context: Context) -> Outcome:
    """Wait until the kernel is loaded, or the agent says why it cannot be; leaves by ``stuck`` if it takes no other order either."""
    try:
        command = _found(context, str(context.data["order"]["id"]))
    except (AgentRefused, AgentUnreachable) as error:
        return _firmware(str(error))
    if command is None:
        return _firmware("the agent has restarted and no longer knows of the order")
    if command.command_status == CommandStatus.RUNNING:
        what = "the agent still looks for the deployed system's kernel"
        return _stay_or_leave(context, what, way="stuck")
    if command.command_status != CommandStatus.SUCCEEDED:
        return _firmware(orders.error_text(command))
    told = command.command_result
    if not isinstance(told, Mapping) or told.get("announces_end") is not True:
        return _firmware("the agent would not say when it ends; its ramdisk is older than this")
    text = f"kexec: the deployed system's kernel is loaded: {_shown(told)}"
    return leave(notes=(Note(kind="step", message=text),))


@leaves_by("done", "firmware")
def last_look(context: Context) -> Outcome:
    """See that the agent answers and has not said its last word: what it says after this belongs to the order."""
    try:
        order = orders.new_order(context, _START, _TITLE)
        return leave(data={"order": order}, internal={ENDED_AT: None})
    except (AgentRefused, AgentUnreachable) as error:
        return _firmware(str(error))


@leaves_by("done", "firmware")
def start(context: Context) -> Outcome:
    """Order the start.

    An agent that is busy or silent may have got the order from a run of this stage before: right before it answered and had nothing
    to do. Whether it has, its last word tells.
    """
    agent = agent_of(context.services, context.node, timeout_s=_limit_s(context))
    patience_s = context.settings.kexec_timeout_s / _SHARE
    try:
        agent.execute(_START, {"patience_s": patience_s})
    except AgentUnreachable:
        return leave()
    except AgentRefused as error:
        return _firmware(str(error))
    return leave()


@leaves_by("done", "firmware")
def wait(context: Context) -> Outcome:
    """Wait for the agent's last word and its silence; whatever is heard of it instead leads to the firmware."""
    try:
        commands = _commands(context)
    except AgentRefused as error:  # also of a connection that broke while the machine went down
        return _stay_or_leave(context, f"after the order something else answers: {error}")
    except AgentUnreachable:
        return _silent(context)
    seen = context.data["order"]["seen"]
    mine = [one for one in commands if one.command_name == "start_kexec" and one.id not in seen]
    if not mine:
        return _firmware("the agent answers and knows of no order to start")
    if mine[-1].command_status != CommandStatus.RUNNING:
        return _firmware(f"the agent still runs: {orders.error_text(mine[-1])}")
    return _stay_or_leave(context, "the agent still runs", data={"_silent_since": None})


def boot_or_look(context: Context) -> Outcome:
    """Start the machine, unless its system was started by kexec and it is on."""
    if context.data.get(STARTED):
        outcome = power.read_power(context)
        if outcome.columns["power_state"] == PowerState.ON:
            return outcome
    return power.power_on_or_reset(context)


def _silent(context: Context) -> Outcome:
    since = context.data.get("_silent_since") or context.now
    info = context.node.driver_internal_info
    heard_at, restarted_at, ended_at = (
        info.get(key) for key in (HEARD_AT, "agent_restarted_at", ENDED_AT)
    )
    if isinstance(heard_at, float) and heard_at > since:
        return _firmware("the agent was heard again after the order")
    if isinstance(restarted_at, float) and restarted_at >= context.entered_at:
        return _firmware("the ramdisk has been started again")
    if not isinstance(ended_at, float):
        what = "the agent is silent and has not said that it starts the system"
        return _stay_or_leave(context, what, data={"_silent_since": since})
    if context.now - max(since, ended_at) < _QUIET_S:
        return stay(
            _LOOK_S,
            waiting_for=f"{context.label}: the agent is silent, which has to last",
            advice=_ADVICE,
            data={"_silent_since": since},
            deadline_in_s=_GRACE_S if context.is_late else None,
        )
    bmc = power_of(context.services, context.node)
    if bmc.power_state(timeout_s=context.settings.bmc_timeout_s) != PowerState.ON:
        return _firmware("the machine is off after the order")
    text = "kexec: the agent has ended and the machine stays on: the deployed system runs, without a boot"
    return leave(
        data={STARTED: True},
        columns={"agent_secret": None},
        internal=forget_agent(),
        notes=(Note(kind="power", message=text, data={"started_by": "kexec"}),),
    )


def _stay_or_leave(
    context: Context, what: str, data: Mapping[str, Any] | None = None, way: str = "firmware"
) -> Outcome:
    limit_s = context.settings.kexec_timeout_s
    if context.is_late or context.now - context.entered_at > limit_s:
        return _firmware(f"{what}, after {limit_s:.0f} s (kexec_timeout_s)", way)
    return stay(_LOOK_S, waiting_for=f"{context.label}: {what}", advice=_ADVICE, data=data or {})


def _firmware(why: str, way: str = "firmware") -> Outcome:
    text = f"kexec: {why}; the machine is started through its firmware"
    note = Note(kind="power", message=text, severity="WARNING", data={"started_by": "firmware"})
    return leave(way, notes=(note,))


def _commands(context: Context) -> Sequence[CommandResult]:
    return agent_of(context.services, context.node, timeout_s=_limit_s(context)).commands()


def _found(context: Context, command_id: str) -> CommandResult | None:
    return next((one for one in _commands(context) if one.id == command_id), None)


def _limit_s(context: Context) -> float:
    return min(_ANSWERS_WITHIN_S, context.settings.agent_request_timeout_s)


def _shown(result: Any) -> str:
    """Return what the agent says it has loaded, for the history."""
    told = result.get("kexec") if isinstance(result, Mapping) else None
    if not isinstance(told, Mapping):
        return "it does not say which"
    words = [f"{key} {told[key]}" for key in ("kernel", "root", "found_by") if told.get(key)]
    return clean_line(", ".join(words), _SHOWN_CHARS)
