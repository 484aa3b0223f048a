"""Rescue and its end: from ``active`` by ``rescuing`` and ``rescue wait`` to ``rescue``, and by ``unrescuing`` back.

The deployed system's power is cut, the ramdisk is booted, and its agent is told the password's hash: that opens SSH for the user
``rescue``, and the agent serves nobody any more. Our agent answers when the login is open, Ironic's when it has written the hash; its
ramdisk opens the login a moment later. Source: Ironic's rescue interface ``agent``.

The password is kept in the work's data, sealed, from the verb until the agent has it; it is in no other place.
"""

from collections.abc import Mapping

from agent.protocol.commands import CommandStatus
from agent.protocol.password_hash import hash_password
from controller.errors import AgentRefused, AgentUnreachable, StepFailed
from controller.states import Event
from controller.workflow.machine import (
    SYSTEM_IS_DOWN,
    agent_of,
    forget_agent,
    interfaces_of,
)
from controller.workflow.networks.plan import Moment
from controller.workflow.outcome import Note, Outcome, leave
from controller.workflow.stage import Context, Stage, To, Workflow, leaves_by
from controller.workflow.stages import power
from controller.workflow.stages.boot import boot_ramdisk
from controller.workflow.stages.boot_device import boot_instance_next
from controller.workflow.stages.medium import insert_stage
from controller.workflow.stages.network import check_networks, connect_stage
from controller.workflow.stages.orders import error_text

PASSWORD = "rescue_password"  # noqa: S105  # the name of a key
"""Key of the work's data: the password as it was asked for; only an agent that takes no hash gets it."""
_HASH = "rescue_password_hash"
_BOOTED_AGAIN = "booted_again"
_LONGEST_SILENCE_S = 20.0


@leaves_by("done", "at_once")
def begin(context: Context) -> Outcome:
    """Hash the password; leaves by ``at_once`` if there is nothing to be done."""
    if not interfaces_of(context.services, context.node).rescue.uses_ramdisk:
        return leave("at_once", data={PASSWORD: None})
    check_networks(context, Moment.RESCUING)
    settings = context.settings
    password = context.data.get(PASSWORD)
    if password is None:  # hashed already: this stage was run before
        return leave()
    hashed = hash_password(password, settings.rescue_password_hash_algorithm)
    kept = None if settings.require_rescue_password_hashed else password
    return leave(data={_HASH: hashed, PASSWORD: kept})


@leaves_by("done", "again")
def finalize(context: Context) -> Outcome:
    """Send the password's hash; leaves by ``again`` if nobody answers, because only an answer counts.

    An agent that has opened its login answers nobody any more: a lost answer, and a controller that was killed before it stored the
    answer, look like an agent that has died. The machine is then booted once more.

    Raises:
        AgentUnreachable: Nobody answers, which may pass.
        StepFailed: The agent refused or failed, or nobody answers after another boot either.
    """
    try:
        _send(context)
    except AgentUnreachable as error:
        silence_s = min(_LONGEST_SILENCE_S, context.settings.agent_silence_timeout_s / 4)
        if context.now - context.entered_at < silence_s:
            raise
        return _boot_again(context, error)
    notes = (
        Note(
            kind="agent",
            message="the agent has taken the rescue password; the user rescue logs in by SSH",
        ),
    )
    return leave(data={PASSWORD: None, _HASH: None, _BOOTED_AGAIN: None}, notes=notes)


def finish(_context: Context) -> Outcome:
    """Forget the agent: the machine belongs to whoever rescues it."""
    return leave(columns={"agent_secret": None}, internal=forget_agent())


def boot_from_disk(context: Context) -> Outcome:
    """Have the machine boot its instance from now on, and forget the ramdisk."""
    internal = {**forget_agent(), **boot_instance_next(context), SYSTEM_IS_DOWN: None}
    return leave(columns={"agent_secret": None}, internal=internal)


@leaves_by("done", "at_once")
def begin_unrescue(context: Context) -> Outcome:
    """Decide whether there is a machine to boot."""
    uses_ramdisk = interfaces_of(context.services, context.node).rescue.uses_ramdisk
    return leave("done" if uses_ramdisk else "at_once")


def _send(context: Context) -> None:
    """Have the agent open the login; with ``require_rescue_password_hashed = false`` a refused hash is followed by the password."""
    attempts = [{"rescue_password": context.data[_HASH], "hashed": True}]
    if plain := context.data.get(PASSWORD):
        attempts.append({"rescue_password": plain})
    agent = agent_of(context.services, context.node)
    problem = ""
    for params in attempts:
        try:
            command = agent.execute("rescue.finalize_rescue", params, wait=True)
        except AgentRefused as error:
            problem = str(error)
            continue
        if command.command_status == CommandStatus.SUCCEEDED:
            return
        problem = error_text(command)
    raise StepFailed(f"{context.label}: the agent did not open the rescue login: {problem}")


def _boot_again(context: Context, error: AgentUnreachable) -> Outcome:
    text = f"{context.label}: the agent fell silent when it was told the rescue password: {error}"
    if context.data.get(_BOOTED_AGAIN):
        raise StepFailed(f"{text}; booting once more did not help")
    note = Note(kind="agent", message=f"{text}; booting once more", severity="WARNING")
    return leave("again", data={_BOOTED_AGAIN: True}, notes=(note,))


STAGES: Mapping[str, Stage] = {
    "rescue.begin": Stage(
        run=begin,
        ways={
            "done": To(stage="rescue.power_off"),
            "at_once": To(stage=None, event=Event.DONE),
        },
        is_before_touch=True,
    ),
    **boot_ramdisk("rescue", Moment.RESCUING, then=To(stage="rescue.finalize", event=Event.RESUME)),
    "rescue.finalize": Stage(
        run=finalize,
        ways={"done": To(stage="rescue.finish"), "again": To(stage="rescue.power_off")},
    ),
    "rescue.finish": Stage(run=finish, ways={"done": To(stage=None, event=Event.DONE)}),
    "unrescue.begin": Stage(
        run=begin_unrescue,
        ways={
            "done": To(stage="unrescue.power_off"),
            "at_once": To(stage=None, event=Event.DONE),
        },
    ),
    "unrescue.power_off": Stage(
        run=power.power_off,
        ways={"done": To(stage="unrescue.connect")},
        timeout_s=lambda settings: settings.power_change_timeout_s,
    ),
    **connect_stage("unrescue.connect", Moment.TENANT, To(stage="unrescue.boot_from_disk")),
    "unrescue.boot_from_disk": Stage(
        run=boot_from_disk, ways={"done": To(stage="unrescue.insert_medium")}
    ),
    **insert_stage("unrescue", To(stage="unrescue.power_on")),
    "unrescue.power_on": Stage(
        run=power.power_on_or_reset,
        ways={"done": To(stage=None, event=Event.DONE)},
        timeout_s=lambda settings: settings.power_change_timeout_s,
    ),
}
WORKFLOWS: Mapping[str, Workflow] = {
    "rescue": Workflow(title="rescue", after_failure="rescue_failed.eject_medium"),
    "unrescue": Workflow(title="unrescue"),
}
