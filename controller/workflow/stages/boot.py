"""From a machine in any state to an agent that has called back: the ramdisk's boot, used by every workflow."""

from collections.abc import Mapping

from controller.bmc.interface import BootDevice, PowerState
from controller.boot.files import find_boot_file
from controller.errors import BmcError, StepFailed
from controller.states import Event
from controller.store.events import last_event
from controller.workflow.machine import bmc_of, boot_mode_of, forget_agent
from controller.workflow.outcome import Outcome, leave, stay
from controller.workflow.stage import Context, Stage, To
from controller.workflow.stages import power


def boot_ramdisk(prefix: str, then: To) -> Mapping[str, Stage]:
    """Return the stages ``<prefix>.power_off`` to ``<prefix>.wait_for_agent``, which leads to ``then``."""
    return {
        f"{prefix}.power_off": Stage(
            run=power.power_off,
            ways={"done": To(stage=f"{prefix}.set_boot_device")},
            timeout_s=lambda settings: settings.power_change_timeout_s,
        ),
        f"{prefix}.set_boot_device": Stage(
            run=prepare_network_boot, ways={"done": To(stage=f"{prefix}.power_on")}
        ),
        f"{prefix}.power_on": Stage(
            run=power.power_on,
            ways={"done": To(stage=f"{prefix}.wait_for_agent", event=Event.WAIT)},
            timeout_s=lambda settings: settings.power_change_timeout_s,
        ),
        f"{prefix}.wait_for_agent": Stage(
            run=wait_for_agent,
            ways={"done": then},
            timeout_s=lambda settings: settings.callback_timeout_s,
        ),
    }


def prepare_network_boot(context: Context) -> Outcome:
    """Have the next power-on boot the ramdisk, and forget the agent and the token of the last boot.

    Raises:
        Invalid: There is no kernel or ramdisk to boot.
    """
    node, settings = context.node, context.settings
    if node.interfaces.get("boot") != "fake":
        for kind in ("kernel", "ramdisk"):
            find_boot_file(kind, node.driver_info, settings)
    mode = boot_mode_of(node, settings)
    bmc_of(context.services, node).set_boot_device(
        BootDevice.PXE,
        mode=mode,
        persistent=str(node.driver_info.get("force_persistent_boot_device")) in {"Always", "True"},
        timeout_s=settings.bmc_timeout_s,
    )
    return leave(
        columns={"agent_secret": None, "boot_mode": mode, "progress": None},
        internal={**forget_agent(), "boot_target": "ramdisk"},
    )


def wait_for_agent(context: Context) -> Outcome:
    """Wait for the agent's first heartbeat; notice a machine that is off."""
    if context.node.driver_internal_info.get("agent_url"):
        return leave()
    checked_at = context.node.stage_data.get("_checked_at") or context.node.stage_started_at
    data = {}
    if checked_at and context.now - checked_at >= context.settings.power_check_interval_s:
        data = {"_checked_at": context.now, "_times_off": _times_off(context)}
    return stay(
        context.settings.power_check_interval_s,
        waiting_for=f"{context.label}: powered on, but no agent has called back; {_evidence(context)}",
        advice="look at the machine's console; check its boot order, the network it boots from and that "
        "its ports have the right MAC addresses",
        data=data,
    )


def _times_off(context: Context) -> int:
    """Count how often in a row the machine was found off.

    Raises:
        StepFailed: Twice: it does not come up by itself.
    """
    try:
        state = bmc_of(context.services, context.node).power_state(
            timeout_s=context.settings.bmc_timeout_s
        )
    except BmcError:  # what counts is the heartbeat; the deadline ends this wait in any case
        return int(context.node.stage_data.get("_times_off", 0))
    if state != PowerState.OFF:
        return 0
    times_off = int(context.node.stage_data.get("_times_off", 0)) + 1
    if times_off > 1:
        raise StepFailed(
            f"{context.label}: the BMC accepted power on, but the machine stays off while its agent is "
            f"waited for; {_evidence(context)}; check its power supply and the BMC's own log"
        )
    return times_off


def _evidence(context: Context) -> str:
    """Say how far the boot has come."""
    with context.services.store.read() as session:
        since = context.node.stage_started_at or 0.0
        event = last_event(session, context.node, ("boot", "agent"), since)
    if event is None:
        return "it has asked for nothing on the network since power-on"
    ago_s = context.now - event.at
    return f"its last sign of life was {ago_s:.0f} s ago: {event.message}"
