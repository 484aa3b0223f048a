"""Fast track: a machine stays in the ramdisk after an inspection or a cleaning, and the next workflow takes its agent as it is.

Whatever speaks against the agent, the machine is booted as without fast track; only a note in the history tells.
"""

from collections.abc import Mapping
from functools import partial

from agent.protocol.commands import CommandStatus
from controller.errors import AgentRefused, AgentUnreachable
from controller.hardware.bmc import PowerState
from controller.workflow.fast_track import fingerprint, is_kept, obstacle
from controller.workflow.machine import KEPT, agent_of, forget_agent, power_of
from controller.workflow.networks.plan import Moment
from controller.workflow.outcome import Note, Outcome, leave
from controller.workflow.stage import Context, Stage, To, Workflow, leaves_by
from controller.workflow.stages import power
from controller.workflow.stages.network import other_network
from controller.workflow.steps.course import course_of

_ANSWERS_WITHIN_S = 10.0
"""A living agent answers in a fraction of it; a dead one shall not hold up the boot."""


def find_agent_stage(prefix: str, moment: Moment, running: str) -> Mapping[str, Stage]:
    """Return the stage ``<prefix>.find_agent``: to the stage ``running`` with a kept agent, else to ``<prefix>.power_off``."""
    return {
        f"{prefix}.find_agent": Stage(
            run=partial(find_agent, moment=moment),
            ways={"running": To(stage=running), "boot": To(stage=f"{prefix}.power_off")},
        )
    }


def keep_agent(context: Context) -> Mapping[str, str]:
    """Return the change of ``driver_internal_info`` that keeps the agent for the next workflow."""
    return {KEPT: fingerprint(context.node, context.ports, context.settings)}


def kept_note() -> Note:
    """Return the event of a machine that stays on."""
    text = "fast track: the machine stays on, and its agent waits for the next order"
    return Note(kind="agent", message=text)


@leaves_by("running", "boot")
def find_agent(context: Context, *, moment: Moment) -> Outcome:
    """Look whether an agent that was kept can be used in the networks of the moment; if not, say why."""
    if not is_kept(context.node):
        return leave("boot")
    course = course_of(context.data, context.stage_name)
    before = course.steps[: max(course.index, 0)]
    why = obstacle(context.node, context.ports, context.settings, context.now, before)
    why = why or other_network(context, moment) or _why_unfit(context)
    if why:
        text = f"fast track: {why}; the machine is booted"
        return leave("boot", internal={KEPT: None}, notes=(Note(kind="agent", message=text),))
    text = "fast track: the agent that runs already is used, without a boot"
    return leave("running", internal={KEPT: None}, notes=(Note(kind="agent", message=text),))


def _why_unfit(context: Context) -> str | None:
    """Ask the machine itself.

    Raises:
        BmcError: The BMC does not answer, which a boot would need as well.
    """
    settings = context.settings
    bmc = power_of(context.services, context.node)
    if bmc.power_state(timeout_s=settings.bmc_timeout_s) != PowerState.ON:
        return "the machine is off"
    timeout_s = min(_ANSWERS_WITHIN_S, settings.agent_request_timeout_s)
    try:
        commands = agent_of(context.services, context.node, timeout_s=timeout_s).commands()
    except (AgentRefused, AgentUnreachable) as error:
        return f"the agent does not answer: {error}"
    running = [one for one in commands if one.command_status == CommandStatus.RUNNING]
    return f"the agent is still at {running[-1].command_name}" if running else None


def _forget(_context: Context) -> Outcome:
    """Forget the ramdisk that was left running: the machine is off, or was reset."""
    return leave(columns={"agent_secret": None}, internal={**forget_agent(), "boot_target": None})


STAGES: Mapping[str, Stage] = {
    power.END_OF_STAY: Stage(
        run=power.power_off_or_reset,
        ways={"done": To(stage="stay.forget")},
        timeout_s=lambda settings: settings.power_change_timeout_s,
    ),
    "stay.forget": Stage(run=_forget, ways={"done": To(stage=None)}),
}
WORKFLOWS: Mapping[str, Workflow] = {
    "stay": Workflow(title="switching off after fast track", fails_with=None)
}
