"""After a failure: keep the evidence, then leave the machine in peace. Nothing here fails the node again."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from controller.boot.machines import BMC_ADDRESSES
from controller.errors import ControllerError, Invalid
from controller.hardware.bmc import PowerState
from controller.hardware.boot_target import KEY, BootTarget
from controller.states import State
from controller.workflow.hardware_events import hardware_notes
from controller.workflow.kept_logs import keep_logs
from controller.workflow.machine import forget_agent, interfaces_of
from controller.workflow.networks.plan import Moment
from controller.workflow.node_secrets import secrets_of
from controller.workflow.outcome import Note, Outcome, leave
from controller.workflow.stage import Context, Error, Stage, To, Workflow
from controller.workflow.stages import power
from controller.workflow.stages.medium import eject_stage
from controller.workflow.stages.network import connect_stage
from controller.workflow.stages.orders import ask

log = logging.getLogger(__name__)

_WITH_SYSTEM = frozenset({State.RESCUE_FAILED, State.SERVICE_FAILED})
"""States of machines that have a system of their own; a failed deployment left none that could be trusted."""


def collect_logs(context: Context) -> Outcome:
    """Keep the ramdisk's logs below ``<state_directory>/logs/<node>/``, if its agent still answers, and note what the BMC's log says."""
    return leave(notes=(*_ramdisk_logs(context), *_hardware_notes(context)))


def _hardware_notes(context: Context) -> Sequence[Note]:
    """Return what the BMC's log says; a driver that breaks there costs nothing of what was kept before."""
    try:
        return hardware_notes(context)
    except Exception as error:
        log.exception("%s: the look into its BMC's log broke", context.label)
        text = f"the BMC's log could not be read: internal error ({type(error).__name__}); the controller's log has the details"
        return (Note(kind="health", message=text, severity="WARNING"),)


def _ramdisk_logs(context: Context) -> tuple[Note, ...]:
    if not context.node.driver_internal_info.get("agent_url"):
        return ()
    try:
        path = _store(context, ask(context, "log.collect_system_logs", {}))
    except (ControllerError, OSError) as error:
        text = f"the ramdisk's logs could not be collected: {error}"
        return (Note(kind="agent", message=text, severity="WARNING"),)
    return (Note(kind="agent", message=f"the ramdisk's logs are in {path}"),)


def forget(context: Context) -> Outcome:
    """Forget the ramdisk of the failed attempt, unless its machine is still on."""
    if context.node.power_state == PowerState.ON:
        return leave()
    return forget_aborted(context)


def forget_aborted(context: Context) -> Outcome:
    """Forget the ramdisk of the workflow: the machine is off, or was reset, and boots what it booted before it began.

    One that nobody could switch off, and that has no system of its own, stays known as one that was told to boot the ramdisk: the next
    workflow goes on without a person's word.
    """
    has_system = context.node.provision_state in _WITH_SYSTEM
    before = context.node.driver_internal_info.get(KEY)
    stays_so = context.data.get(power.STAYED_ON) and before == BootTarget.RAMDISK
    target = _target(context) if has_system else before if stays_so else None
    internal = {**forget_agent(), KEY: target, BMC_ADDRESSES: None}
    return leave(columns={"agent_secret": None}, internal=internal)


def _target(context: Context) -> str:
    """Return what the machine's own system boots from; the disk where its interfaces are not served any more."""
    try:
        deploy = interfaces_of(context.services, context.node).deploy
    except Invalid:
        return str(BootTarget.DISK)
    return str(deploy.target(context.node))


def _store(context: Context, result: object) -> Path:
    logs = result.get("system_logs") if isinstance(result, Mapping) else None
    node = context.node
    return keep_logs(
        context.settings,
        node.uuid,
        node.provision_state,
        logs,
        context.wall_now,
        secrets=secrets_of(node),
    )


def _eject(prefix: str, then: str) -> Mapping[str, Stage]:
    """Return the stage that takes what has the token inside out of the drive, before anything else can fail."""
    name = f"{prefix}.eject_medium"
    return eject_stage(name, To(stage=then), with_token=True, after_failure=True)


STAGES: Mapping[str, Stage] = {
    **_eject("clean_failed", "clean_failed.logs"),
    "clean_failed.logs": Stage(run=collect_logs, ways={"done": To(stage=None)}, yields=True),
    **_eject("service_failed", "service_failed.logs"),
    "service_failed.logs": Stage(run=collect_logs, ways={"done": To(stage=None)}, yields=True),
    **_eject("deploy_failed", "deploy_failed.logs"),
    "deploy_failed.logs": Stage(
        run=collect_logs, ways={"done": To(stage="deploy_failed.power_off")}, yields=True
    ),
    **_eject("rescue_failed", "rescue_failed.logs"),
    "rescue_failed.logs": Stage(
        run=collect_logs, ways={"done": To(stage="deploy_failed.power_off")}, yields=True
    ),
    "deploy_failed.power_off": Stage(
        run=power.power_off_if_possible,
        ways={"done": To(stage="deploy_failed.disconnect")},
        timeout_s=lambda settings: settings.power_change_timeout_s,
    ),
    **connect_stage("deploy_failed.disconnect", Moment.IDLE, To(stage="deploy_failed.forget")),
    "deploy_failed.forget": Stage(run=forget, ways={"done": To(stage=None)}),
    **_eject("inspect_failed", "inspect_failed.power_off"),
    "inspect_failed.power_off": Stage(
        run=power.power_off_if_possible,
        ways={"done": To(stage="deploy_failed.disconnect")},
        timeout_s=lambda settings: settings.power_change_timeout_s,
    ),
    **_eject("aborted", "aborted.power_off"),
    "aborted.power_off": Stage(
        run=power.power_off_or_reset_if_possible,
        ways={"done": To(stage="aborted.disconnect")},
        timeout_s=lambda settings: settings.power_change_timeout_s,
    ),
    **connect_stage("aborted.disconnect", Moment.IDLE, To(stage="aborted.forget")),
    "aborted.forget": Stage(run=forget_aborted, ways={"done": To(stage=None)}),
}
WORKFLOWS: Mapping[str, Workflow] = {
    prefix: Workflow(title="tidying up", fails_with=None, error=Error.ADDED)
    for prefix in (
        "clean_failed",
        "service_failed",
        "deploy_failed",
        "inspect_failed",
        "rescue_failed",
        "aborted",
    )
}
