"""Inspection: from ``inspecting`` by ``inspect wait`` to ``manageable``; without the wait where the BMC is asked (``inspect_by_bmc.py``).

The ramdisk posts what it found (``workflow/inspection.py`` stores it and notes that in the work's data); the machine is
then switched off. It needs no agent that can be called: the ramdisk is booted without ``ipa-api-url``, except with fast
track, where its agent looks its node up after that and is kept for the next workflow.
"""

import ipaddress
import logging
import socket
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from agent.protocol.web_address import is_web_address
from controller.bmc.address import parse_address
from controller.boot.machines import BMC_ADDRESSES
from controller.boot.switches import is_fast_track
from controller.errors import ControllerError, Invalid, StepFailed
from controller.hardware.abilities import TellsAddresses
from controller.settings import Settings
from controller.states import Event
from controller.workflow.fast_track import may_be_kept
from controller.workflow.firmware_look import and_firmware
from controller.workflow.machine import forget_agent, interfaces_of, management_of
from controller.workflow.networks.plan import Moment
from controller.workflow.outcome import Note, Outcome, leave, stay
from controller.workflow.stage import Context, Stage, To, Workflow, leaves_by
from controller.workflow.stages import power
from controller.workflow.stages.boot import boot_ramdisk, watch_boot
from controller.workflow.stages.fast_track import keep_agent, kept_note
from controller.workflow.stages.inspect_by_bmc import ask_bmc, is_told_by_bmc
from controller.workflow.stages.inspection_rules import apply_rules
from controller.workflow.stages.network import check_networks, connect_stage

log = logging.getLogger(__name__)

_CALLS_BACK_WITHIN_S = 120.0
"""After an inspection the agent has only to look its node up, and to make a certificate."""
RESULT = "inspection"
"""Key of the work's data: ``{"error": str | None}`` when the ramdisk has posted its result."""


@leaves_by("done", "at_once", "by_bmc")
def begin(context: Context) -> Outcome:
    """Find out how the machine will be recognized; leaves by ``by_bmc`` if its BMC is asked, by ``at_once`` if there is nothing to be done.

    Raises:
        Invalid: In no way: it has neither a port nor a BMC address that the ramdisk could report.
    """
    if not interfaces_of(context.services, context.node).inspect.uses_ramdisk:
        return leave("by_bmc" if is_told_by_bmc(context) else "at_once")
    addresses = bmc_addresses(context.node.driver_info)
    check_networks(context, Moment.INSPECTION)
    if not context.ports:
        addresses = sorted({*addresses, *_told_by_bmc(context)})
        _check_recognizable(context.label, addresses, context.settings)
    return leave(internal={BMC_ADDRESSES: addresses or None})


def wait_for_result(context: Context) -> Outcome:
    """Wait for what the ramdisk found.

    Raises:
        StepFailed: The ramdisk or its result is at fault.
    """
    result = context.data.get(RESULT)
    if result is None:
        pause_s = context.services.paces.boots.pause_s(context.settings.power_check_interval_s)
        return watch_boot(context, pause_s, "no inspection result has come")
    if result["error"]:
        raise StepFailed(f"{context.label}: {result['error']}")
    return leave()


@leaves_by("power_off", "fast_track")
def end(context: Context) -> Outcome:
    """Decide whether the machine stays on."""
    is_fast = is_fast_track(context.node.driver_info, context.settings)
    return leave("fast_track" if is_fast and not context.node.retired else "power_off")


@leaves_by("keep", "power_off")
def wait_for_call(context: Context) -> Outcome:
    """Wait for the heartbeat of the agent that is to be kept; an agent that does not call is not worth a failure."""
    if may_be_kept(context.node, context.settings):
        return leave("keep")
    if context.is_late:
        text = (
            "fast track: no agent has called back after the inspection; the machine is switched off"
        )
        return leave("power_off", notes=(Note(kind="agent", message=text, severity="WARNING"),))
    return stay(
        context.settings.power_check_interval_s,
        waiting_for=f"{context.label}: inspected, but its agent has not called back",
        advice="look at the machine's console",
    )


@and_firmware
def keep(context: Context) -> Outcome:
    """Leave the machine in the ramdisk for the next workflow; how it was recognized is forgotten."""
    internal = {**keep_agent(context), BMC_ADDRESSES: None}
    return leave(internal=internal, notes=(kept_note(),))


@and_firmware
def finish(_context: Context) -> Outcome:
    """Forget how the machine was recognized; it is off, or was reset."""
    internal = {**forget_agent(), "boot_target": None, BMC_ADDRESSES: None}
    return leave(columns={"agent_secret": None}, internal=internal)


def _told_by_bmc(context: Context) -> Sequence[str]:
    """Return what the BMC says of its own addresses: the ramdisk will report them, not the one that we reach it at (port forwarding, another channel)."""
    try:
        bmc = management_of(context.services, context.node)
        if isinstance(bmc, TellsAddresses):
            return bmc.addresses(timeout_s=context.settings.bmc_timeout_s)
    except ControllerError as error:  # it shows soon enough whether the BMC works
        log.info("%s: its BMC's addresses could not be read: %s", context.label, error)
    return ()


def bmc_addresses(driver_info: Mapping[str, Any]) -> list[str]:
    """Return the IP addresses of the node's BMC, resolved; loopback addresses say nothing and are left out."""
    found: set[str] = set()
    for key, value in driver_info.items():
        if not key.endswith("_address") or not isinstance(value, str):
            continue
        try:
            answers = socket.getaddrinfo(bmc_host(value, key), None, type=socket.SOCK_STREAM)
        except (OSError, ValueError, Invalid):  # a BMC without an address fails where it is used
            continue
        found.update(str(answer[4][0]).partition("%")[0] for answer in answers)
    return sorted(found - {a for a in found if ipaddress.ip_address(a).is_loopback})


def bmc_host(written: str, key: str) -> str | None:
    """Return the host of a BMC: of a web address, as Redfish has them, or of what IPMI takes.

    Raises:
        Invalid: It is neither.
    """
    if is_web_address(written):
        return urlsplit(written.strip()).hostname
    return parse_address(written, key).host


def _check_recognizable(label: str, addresses: list[str], settings: Settings) -> None:
    if not addresses:
        raise Invalid(
            f"{label} has no port, and its driver_info no BMC address that its ramdisk could report: nothing "
            "would tell which machine an inspection result comes from; create a port with the MAC address "
            "that it boots from"
        )
    if settings.unknown_machine == "local":
        raise Invalid(
            f"{label} has no port, and with unknown_machine = {settings.unknown_machine!r} machines without one "
            "boot their disks; create a port with the MAC address that it boots from"
        )


STAGES: Mapping[str, Stage] = {
    "discover.rules": Stage(run=apply_rules, ways={"done": To(stage=None)}),
    "inspect.begin": Stage(
        run=begin,
        ways={
            "done": To(stage="inspect.power_off"),
            "at_once": To(stage=None, event=Event.DONE),
            "by_bmc": To(stage="inspect.ask_bmc"),
        },
        is_before_touch=True,
    ),
    "inspect.ask_bmc": Stage(run=ask_bmc, ways={"done": To(stage="inspect.bmc_rules")}),
    "inspect.bmc_rules": Stage(
        run=and_firmware(apply_rules), ways={"done": To(stage=None, event=Event.DONE)}
    ),
    **boot_ramdisk(
        "inspect",
        Moment.INSPECTION,
        then=To(stage="inspect.rules", event=Event.RESUME),
        wait=wait_for_result,
    ),
    "inspect.rules": Stage(run=apply_rules, ways={"done": To(stage="inspect.end")}),
    "inspect.end": Stage(
        run=end,
        ways={
            "power_off": To(stage="inspect.last_power_off"),
            "fast_track": To(stage="inspect.wait_for_call"),
        },
    ),
    "inspect.wait_for_call": Stage(
        run=wait_for_call,
        ways={
            "keep": To(stage="inspect.keep"),
            "power_off": To(stage="inspect.last_power_off"),
        },
        timeout_s=lambda _settings: _CALLS_BACK_WITHIN_S,
    ),
    "inspect.keep": Stage(run=keep, ways={"done": To(stage=None, event=Event.DONE)}),
    "inspect.last_power_off": Stage(
        run=power.power_off_or_reset,
        ways={"done": To(stage="inspect.disconnect")},
        timeout_s=lambda settings: settings.power_change_timeout_s,
    ),
    **connect_stage("inspect.disconnect", Moment.IDLE, To(stage="inspect.finish")),
    "inspect.finish": Stage(run=finish, ways={"done": To(stage=None, event=Event.DONE)}),
}
WORKFLOWS: Mapping[str, Workflow] = {
    "discover": Workflow(title="discovery", fails_with=None),
    "inspect": Workflow(title="inspection", after_failure="inspect_failed.eject_medium"),
}
