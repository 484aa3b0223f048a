"""After a failure: keep the evidence, then leave the machine in peace. Nothing here fails the node again."""

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from controller.bmc.interface import PowerState
from controller.errors import ControllerError, StepFailed
from controller.workflow.machine import forget_agent
from controller.workflow.outcome import Note, Outcome, leave
from controller.workflow.stage import Context, Stage, To, Workflow
from controller.workflow.stages import power
from controller.workflow.stages.orders import ask

_MOST_BYTES = 64 * 1024 * 1024


def collect_logs(context: Context) -> Outcome:
    """Keep the ramdisk's logs below ``<state_directory>/logs/<node>/``, if its agent still answers."""
    if not context.node.driver_internal_info.get("agent_url"):
        return leave()
    try:
        path = _store(context, ask(context, "log.collect_system_logs", {}))
    except (ControllerError, OSError) as error:
        text = f"the ramdisk's logs could not be collected: {error}"
        return leave(notes=(Note(kind="agent", message=text, severity="WARNING"),))
    return leave(notes=(Note(kind="agent", message=f"the ramdisk's logs are in {path}"),))


def forget(context: Context) -> Outcome:
    """Forget the agent of the failed attempt, unless its machine is still on."""
    if context.node.power_state == PowerState.ON:
        return leave()
    return leave(columns={"agent_secret": None}, internal=forget_agent())


def _store(context: Context, result: object) -> Path:
    logs = result.get("system_logs") if isinstance(result, Mapping) else None
    if not isinstance(logs, str):
        raise StepFailed("the agent's answer has no system_logs")
    try:
        content = base64.b64decode(logs)
    except binascii.Error as error:
        raise StepFailed(f"system_logs is not base64: {error}") from error
    if len(content) > _MOST_BYTES:
        raise StepFailed(f"{len(content)} bytes are more than the {_MOST_BYTES} that are kept")
    folder = Path(context.settings.state_directory) / "logs" / context.node.uuid
    folder.mkdir(parents=True, exist_ok=True)
    moment = datetime.fromtimestamp(context.now, UTC).strftime("%Y%m%dT%H%M%SZ")
    path = folder / f"{moment}-{context.node.provision_state.replace(' ', '-')}.tar.gz"
    path.write_bytes(content)
    path.chmod(0o600)
    return path


STAGES: Mapping[str, Stage] = {
    "clean_failed.logs": Stage(run=collect_logs, ways={"done": To(stage=None)}),
    "deploy_failed.logs": Stage(
        run=collect_logs, ways={"done": To(stage="deploy_failed.power_off")}
    ),
    "deploy_failed.power_off": Stage(
        run=power.power_off,
        ways={"done": To(stage="deploy_failed.forget")},
        timeout_s=lambda settings: settings.power_change_timeout_s,
    ),
    "deploy_failed.forget": Stage(run=forget, ways={"done": To(stage=None)}),
    "aborted.power_off": Stage(
        run=power.power_off,
        ways={"done": To(stage="deploy_failed.forget")},
        timeout_s=lambda settings: settings.power_change_timeout_s,
    ),
}
WORKFLOWS: Mapping[str, Workflow] = {
    prefix: Workflow(title="tidying up", fails_with=None, is_background=True, sets_error=False)
    for prefix in ("clean_failed", "deploy_failed", "aborted")
}
