"""The end of a machine's stay in the ramdisk (fast track) within a request: it is switched off, and seen to be."""

import time

from controller.errors import BmcError, Conflict
from controller.hardware.bmc import PowerControl, PowerState
from controller.settings import Settings
from controller.store.nodes import get_node
from controller.workflow.fast_track import has_its_bmc
from controller.workflow.locks import held_node
from controller.workflow.machine import forget_agent, power_of
from controller.workflow.services import Services
from controller.workflow.transition import merge

_LONGEST_S = 30.0
"""A request waits so long at most for a machine to go off."""


def end_stay(services: Services, ident: str) -> None:
    """Switch an idle node's machine off, and forget its agent; one that must not be switched off is reset, if it is on.

    Raises:
        NodeLocked: Something goes on with the node.
        Conflict: The node has got another BMC since, which may be another machine's.
        BmcError: The BMC does not answer or refuses, or the machine stays on.
    """
    settings = services.settings
    with held_node(services, ident, "management.call") as node:
        if not has_its_bmc(node):
            raise Conflict("driver_info was changed since, and its BMC may be another machine's")
        bmc = power_of(services, node)
        is_off = bmc.power_state(timeout_s=settings.bmc_timeout_s) == PowerState.OFF
        if not is_off:
            _end(bmc, settings, must_stay_on=node.disable_power_off)
        with services.store.edit() as session:
            row = get_node(session, node.uuid, for_update=True)
            if is_off or not row.disable_power_off:
                row.power_state = PowerState.OFF
            row.agent_secret = None
            gone = {**forget_agent(), "boot_target": None}
            row.driver_internal_info = merge(row.driver_internal_info, gone)


def _end(bmc: PowerControl, settings: Settings, *, must_stay_on: bool) -> None:
    if must_stay_on:
        bmc.reset(timeout_s=settings.bmc_timeout_s)
        return
    bmc.power_off(timeout_s=settings.bmc_timeout_s)
    limit_s = min(_LONGEST_S, settings.power_change_timeout_s)
    give_up_at = time.monotonic() + limit_s
    while bmc.power_state(timeout_s=settings.bmc_timeout_s) != PowerState.OFF:
        if time.monotonic() > give_up_at:
            raise BmcError(f"its BMC accepted 'power off', but it is still on after {limit_s:g} s")
        time.sleep(settings.power_poll_interval_s)
