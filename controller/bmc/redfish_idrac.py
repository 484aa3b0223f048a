"""The management interface ``idrac-redfish``: that of ``redfish``, and the steps that Dell's BMCs alone have; names are Ironic's.

They run in cleaning, and in the verification of a node where the operator gives them a priority. What a restart is waited for stands in the
step's state: the BMC is silent meanwhile, for a minute or several.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

from controller.bmc import redfish_dell
from controller.bmc.redfish import RedfishBmc, RedfishDriver
from controller.bmc.redfish_call import RedfishCalls
from controller.bmc.redfish_steps import STEPS
from controller.bmc.redfish_target import parse_target
from controller.errors import BmcError
from controller.hardware.bmc import BmcStep, BmcStepLook
from controller.hardware.step_clock import step_now

_PRIORITIES: Mapping[str, int] = MappingProxyType({"clean": 0, "verify": 0})
_GOES_S = 120.0
"""A BMC that has answered for so long after the order has been down between two looks."""
_COMES_S = 900.0
"""Longest time until it answers again."""


class IdracDriver(RedfishDriver):
    """Makes BMCs of Dell."""

    def connect(self, driver_info: dict[str, Any]) -> "IdracBmc":
        """See :class:`RedfishDriver`."""
        return IdracBmc(RedfishCalls(parse_target(driver_info), self._sessions))

    def steps(self, _driver_info: Mapping[str, Any]) -> Sequence[BmcStep]:
        """Offer Redfish's and Dell's; what a BMC does not have is said when a step begins."""
        return (*STEPS, *DELL_STEPS)


class IdracBmc(RedfishBmc):
    """One system of one iDRAC."""

    def clear_jobs(self, *, timeout_s: float) -> None:
        """Empty the job queue."""
        self._calls.ask("clear the job queue", timeout_s, redfish_dell.clear_jobs)

    def restart(self, *, timeout_s: float) -> None:
        """Restart the BMC; does not wait."""
        self._calls.ask("restart the iDRAC", timeout_s, redfish_dell.restart)


class _Idrac(Protocol):
    """What the steps need of the connection."""

    def clear_jobs(self, *, timeout_s: float) -> None: ...
    def restart(self, *, timeout_s: float) -> None: ...
    def power_state(self, *, timeout_s: float) -> Any: ...


def _clear(bmc: _Idrac, _given: Mapping[str, Any], timeout_s: float) -> BmcStepLook:
    bmc.clear_jobs(timeout_s=timeout_s)
    return BmcStepLook(state=None)


def _restart(bmc: _Idrac, _given: Mapping[str, Any], timeout_s: float) -> BmcStepLook:
    bmc.restart(timeout_s=timeout_s)
    state = {"ordered_at": step_now(), "was_silent": False}
    return BmcStepLook(state=state, message="the iDRAC restarts")


def _look(bmc: _Idrac, state: Mapping[str, Any], timeout_s: float) -> BmcStepLook:
    """Wait until the BMC has been silent and answers again; one that answers badly meanwhile is not there yet."""
    seconds = step_now() - float(state["ordered_at"])
    try:
        bmc.power_state(timeout_s=timeout_s)
    except BmcError as error:
        if seconds >= _COMES_S:
            raise
        there = {**state, "was_silent": True, "looked_at": step_now()}
        return BmcStepLook(state=there, message=f"for {seconds:.0f} s: {error}")
    if not state["was_silent"] and seconds < _GOES_S:
        return BmcStepLook(state=state, message="the iDRAC still answers")
    return BmcStepLook(state=None, message=f"the iDRAC answers again after {seconds:.0f} s")


def _look_and_clear(bmc: _Idrac, state: Mapping[str, Any], timeout_s: float) -> BmcStepLook:
    ends_at = time.monotonic() + timeout_s
    found = _look(bmc, state, timeout_s)
    if found.state is None:
        bmc.clear_jobs(timeout_s=ends_at - time.monotonic())
    return found


def _no_look(_bmc: Any, _state: Mapping[str, Any], _timeout_s: float) -> BmcStepLook:
    return BmcStepLook(state=None)


_Function = Callable[[Any, Mapping[str, Any], float], BmcStepLook]


def _step(name: str, begin: _Function, look: _Function) -> BmcStep:
    return BmcStep(
        name=name, interface="management", priorities=_PRIORITIES, begin=begin, look=look
    )


DELL_STEPS = (
    _step("clear_job_queue", _clear, _no_look),
    _step("reset_idrac", _restart, _look),
    _step("known_good_state", _restart, _look_and_clear),
)
