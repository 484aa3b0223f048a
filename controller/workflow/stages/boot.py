"""From a machine in any state to an agent that has called back: the ramdisk's boot, used by every workflow."""

import secrets
from collections.abc import Mapping
from dataclasses import replace

from controller.boot.node_media import HAS_TOKEN, MEDIUM
from controller.errors import BmcError, StepFailed
from controller.hardware.abilities import SwitchesFirmware
from controller.hardware.bmc import PowerState
from controller.hardware.interface import BootsMedium, ConnectsNodes, MediumWay
from controller.states import RESCUED, Event
from controller.store.events import last_event
from controller.workflow.firmware_wishes import (
    FirmwareState,
    FirmwareWishes,
    bring_about,
    check_firmware_wishes,
    firmware_wishes,
)
from controller.workflow.machine import (
    SYSTEM_IS_DOWN,
    boot_mode_of,
    forget_agent,
    interfaces_of,
    management_of,
    power_of,
)
from controller.workflow.networks.plan import Moment
from controller.workflow.outcome import Note, Outcome, leave, stay
from controller.workflow.stage import Context, Stage, StageFunction, To, leaves_by
from controller.workflow.stages import power
from controller.workflow.stages.boot_device import boot_next_from
from controller.workflow.stages.medium import eject_stage, insert_stage
from controller.workflow.stages.network import connect_stage

_TOKEN_BYTES, _KEY_BYTES = 32, 16


def boot_ramdisk(
    prefix: str, moment: Moment, then: To, wait: StageFunction | None = None
) -> Mapping[str, Stage]:
    """Return the stages ``<prefix>.power_off`` to ``<prefix>.wait_for_agent``, which leads to ``then``.

    Args:
        prefix: First part of the stages' names.
        moment: In whose networks the ramdisk runs.
        then: Where the end of the wait leads.
        wait: What is waited for; ``None`` = the agent's first heartbeat.
    """
    again = To(stage=f"{prefix}.power_off", event=Event.RESUME)
    came = replace(then, stage=f"{prefix}.eject_medium")
    return {
        f"{prefix}.power_off": Stage(
            run=power.power_off_to_boot,
            ways={"done": To(stage=f"{prefix}.connect")},
            timeout_s=lambda settings: settings.power_change_timeout_s,
        ),
        **connect_stage(f"{prefix}.connect", moment, To(stage=f"{prefix}.set_boot_device")),
        f"{prefix}.set_boot_device": Stage(
            run=prepare_ramdisk_boot, ways={"done": To(stage=f"{prefix}.insert_medium")}
        ),
        **insert_stage(prefix, To(stage=f"{prefix}.power_on")),
        f"{prefix}.power_on": Stage(
            run=power.power_on_or_reset,
            ways={"done": To(stage=f"{prefix}.wait_for_agent", event=Event.WAIT)},
            timeout_s=lambda settings: settings.power_change_timeout_s,
        ),
        f"{prefix}.wait_for_agent": Stage(
            run=wait or wait_for_agent,
            ways={"done": came} if wait else {"done": came, "locked_out": again},
            timeout_s=lambda settings: settings.callback_timeout_s,
            rests=True,
        ),
        **eject_stage(f"{prefix}.eject_medium", To(stage=then.stage), with_token=True),
    }


def prepare_ramdisk_boot(context: Context) -> Outcome:
    """Have the next power-on boot the ramdisk, and forget the agent and the token of the last boot.

    Raises:
        Invalid: There is no kernel or ramdisk to boot, or the firmware cannot be as the instance wants it.
        BmcError: The BMC does not answer or refuses.
    """
    node, boot = context.node, interfaces_of(context.services, context.node).boot
    boot.require_files(node, context.settings, is_rescue=node.provision_state in RESCUED)
    firmware = _firmware(context)
    medium = boot.medium if isinstance(boot, BootsMedium) else None
    if boot.device is not None and medium is None:
        boot_next_from(context, boot.device)
    has_token = medium is MediumWay.DRIVE
    columns = {
        "agent_secret": secrets.token_urlsafe(_TOKEN_BYTES) if has_token else None,
        "boot_key": secrets.token_urlsafe(_KEY_BYTES) if medium else None,
        "boot_mode": firmware.boot_mode if firmware else boot_mode_of(node, context.settings),
        "progress": None,
        **({"secure_boot": firmware.secure_boot} if firmware else {}),
    }
    notes: tuple[Note, ...] = ()
    if firmware and firmware.changes:
        words = f"{context.label}: {' and '.join(firmware.changes)}, as the instance wants it"
        notes = (Note(kind="power", message=words),)
    return leave(
        columns=columns,
        internal={
            **forget_agent(),
            "boot_target": "ramdisk",
            SYSTEM_IS_DOWN: None,
            **({MEDIUM: str(medium), HAS_TOKEN: has_token or None} if medium else {}),
        },
        notes=notes,
    )


def _firmware(context: Context) -> FirmwareState | None:
    """Have the firmware as the instance wants it; ``None`` = it wants nothing, or a person has seen to it.

    Raises:
        Invalid: Secure Boot is wanted, and nobody can switch it.
        BmcError: The BMC does not answer or refuses.
    """
    node, wishes = context.node, firmware_wishes(context.node)
    if wishes == FirmwareWishes():
        return None
    bmc = management_of(context.services, node)
    name = interfaces_of(context.services, node).names["management"]
    check_firmware_wishes(node, bmc, name)
    if not isinstance(bmc, SwitchesFirmware):
        return None
    return bring_about(wishes, bmc, timeout_s=context.settings.bmc_timeout_s)


@leaves_by("done", "locked_out")
def wait_for_agent(context: Context) -> Outcome:
    """Wait for the agent's first heartbeat; leaves by ``locked_out`` if it has lost its token."""
    info = context.node.driver_internal_info
    if info.get("agent_url"):
        return leave(data={"locked_out": None})
    pause_s = context.services.paces.boots.pause_s(context.settings.power_check_interval_s)
    if info.get("agent_locked_out_at"):
        grace_s = info["agent_locked_out_at"] + context.settings.agent_token_grace_s - context.now
        if grace_s <= 0:
            return _boot_again(context)
        pause_s = min(pause_s, grace_s)
    return watch_boot(context, pause_s, "no agent has called back")


def _boot_again(context: Context) -> Outcome:
    """Boot once more for a new token.

    Raises:
        StepFailed: That has been done already.
    """
    text = (
        f"{context.label}: the agent's token was handed out, but no heartbeat with it has come: the answer "
        "was lost, or another machine took it"
    )
    if context.data.get("locked_out"):
        raise StepFailed(
            f"{text}; booting once more did not help; look for a second machine with a MAC address of this "
            "node's ports, and for losses on the network between the machine and this controller"
        )
    note = Note(kind="agent", message=f"{text}; booting once more", severity="WARNING")
    return leave("locked_out", data={"locked_out": True}, notes=(note,))


def watch_boot(context: Context, pause_s: float, missing: str) -> Outcome:
    """Go on waiting for the ramdisk and notice a machine that is off.

    Args:
        context: What the stage function was given.
        pause_s: When to look again.
        missing: What has not happened: ``"no agent has called back"``.
    """
    checked_at = context.data.get("_checked_at") or context.entered_at
    data = {}
    if checked_at and context.now - checked_at >= context.settings.power_check_interval_s:
        data = {"_checked_at": context.now, "_times_off": _times_off(context)}
    return stay(
        pause_s,
        waiting_for=f"{context.label}: powered on, but {missing}; {_evidence(context)}",
        advice=_advice(context),
        data=data,
    )


def _advice(context: Context) -> str:
    """Say what to do if nothing comes, beginning with what only a person can do for a machine without a BMC."""
    text = (
        "look at the machine's console; check its boot order, the network it boots from and that its ports have the right MAC"
        " addresses"
    )
    power = interfaces_of(context.services, context.node).power
    first = power.boot_advice if isinstance(power, ConnectsNodes) else ""
    return f"{first}; {text}" if first else text


def _times_off(context: Context) -> int:
    """Count how often in a row the machine was found off.

    Raises:
        StepFailed: Twice: it does not come up by itself.
    """
    try:
        state = power_of(context.services, context.node).power_state(
            timeout_s=context.settings.bmc_timeout_s
        )
    except BmcError:  # what counts is the heartbeat; the deadline ends this wait in any case
        return int(context.data.get("_times_off", 0))
    if state != PowerState.OFF:
        return 0
    times_off = int(context.data.get("_times_off", 0)) + 1
    if times_off > 1:
        raise StepFailed(
            f"{context.label}: the BMC accepted power on, but the machine stays off while its agent is "
            f"waited for; {_evidence(context)}; check its power supply and the BMC's own log"
        )
    return times_off


def _evidence(context: Context) -> str:
    """Say how far the boot has come."""
    with context.services.store.read() as session:
        event = last_event(session, context.node, ("boot", "agent"), context.started_at)
    if event is None:
        return "it has asked for nothing on the network since power-on"
    ago_s = context.wall_now - event.at
    return f"its last sign of life was {ago_s:.0f} s ago: {event.message}"
