"""The steps ``apply_configuration`` and ``factory_reset`` of the BIOS interface ``redfish``; names and arguments are Ironic's.

Settings wait in the BMC until the machine starts: each step orders, has the machine restarted, and looks until the BMC says what was
asked for. ``begin`` looks first, so that one that was killed orders nothing twice.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Protocol

from agent.protocol.foreign_text import clean_line
from controller.bmc.redfish_registry import Value, typed
from controller.errors import BmcError, BmcUnreachable
from controller.hardware.bmc import BmcStep, BmcStepLook, StepArgument
from controller.hardware.firmware import BiosSetting
from controller.hardware.step_clock import step_now

_ON_REQUEST: Mapping[str, int] = MappingProxyType({"clean": 0, "deploy": 0, "service": 0})
_SHOWN = 100
_MOST_NAMED = 20
_DONE = BmcStepLook(state=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class BiosState:
    """The settings of a BIOS at one moment."""

    attributes: Mapping[str, Any]
    waiting: Mapping[str, Any]
    """What the next start takes over; some BMCs show all attributes there, changed or not."""
    known: Mapping[str, BiosSetting]
    """By name; empty = the BMC has no registry, or it was not read."""
    is_reset_waiting: bool = False
    applied_at: str | None = None
    """When settings were applied last, in the BMC's words."""
    complaints: tuple[str, ...] = ()
    """What was wrong with them."""


class ChangesBios(Protocol):
    """What the steps need of the connection; as ``abilities.py``."""

    def state(self, *, with_registry: bool = True, timeout_s: float) -> BiosState:
        """Ask what the BIOS has."""

    def apply(self, values: Mapping[str, Any], *, timeout_s: float) -> None:
        """Have the next start take over these values."""

    def reset(self, *, timeout_s: float) -> None:
        """Have the next start take the defaults."""

    def refusal(self, what: str, why: str) -> BmcError:
        """Return an error that names the BMC."""


def bios_steps(limit_s: float) -> tuple[BmcStep, ...]:
    """Return the steps.

    Args:
        limit_s: How long after the machine's start the settings may take to be there.
    """
    settings = StepArgument(
        description="List of BIOS settings, each an object with name and value", required=True
    )
    return (
        BmcStep(
            name="apply_configuration",
            interface="bios",
            priorities=_ON_REQUEST,
            begin=_begin_settings,
            look=partial(_look_for_settings, limit_s=limit_s),
            arguments={"settings": settings},
        ),
        BmcStep(
            name="factory_reset",
            interface="bios",
            priorities=_ON_REQUEST,
            begin=_begin_reset,
            look=partial(_look_for_reset, limit_s=limit_s),
        ),
    )


def plan_settings(wanted: Mapping[str, Any], found: BiosState) -> Mapping[str, Value]:
    """Return what has to be changed, in the types that the BMC takes. Pure.

    A value that is there already is never wrong, whatever the registry says: some registries are (NVIDIA GH200).

    Raises:
        ValueError: Names every setting that the BIOS does not have, or that cannot have the value.
    """
    mistakes, changes = [], {}
    for name, written in wanted.items():
        if name not in found.attributes and name not in found.known:
            mistakes.append(f"{clean_line(name, _SHOWN)}: the BIOS has no such setting")
            continue
        now = found.attributes.get(name)
        try:
            value = now if _is(now, written) else typed(written, found.known.get(name), now)
        except ValueError as error:
            shown = "" if _is_secret(found, name) else f" {clean_line(str(written), _SHOWN)!r}"
            mistakes.append(f"{name}{shown}: {error}")
            continue
        if now != value or found.waiting.get(name, value) != value or _is_password(found, name):
            changes[name] = value
    if mistakes:
        raise ValueError("; ".join(mistakes[:_MOST_NAMED]))
    return changes


def _begin_settings(
    bmc: ChangesBios, arguments: Mapping[str, Any], timeout_s: float
) -> BmcStepLook:
    what = "change BIOS settings"
    wanted = _wanted(bmc, what, arguments.get("settings"))
    ends_at = time.monotonic() + timeout_s
    found = bmc.state(timeout_s=timeout_s)
    try:
        changes = plan_settings(wanted, found)
    except ValueError as error:
        raise bmc.refusal(what, f"{error}; nothing was changed") from None
    if not changes:
        return _DONE
    if any(found.waiting.get(name) != value for name, value in changes.items()):
        bmc.apply(changes, timeout_s=ends_at - time.monotonic())
    shown = {name: value for name, value in changes.items() if not _is_secret(found, name)}
    state = {"wanted": shown, "applied_at": found.applied_at}
    return BmcStepLook(
        state=state, message=f"{len(changes)} settings wait for a start", restarts=True
    )


def _look_for_settings(
    bmc: ChangesBios, state: Mapping[str, Any], timeout_s: float, *, limit_s: float
) -> BmcStepLook:
    found = _state_or_none(bmc, state, timeout_s, limit_s)
    if found is None:
        return _again(state, "the BMC does not answer")
    wanted: Mapping[str, Any] = state["wanted"]
    left = {name: value for name, value in wanted.items() if found.attributes.get(name) != value}
    if not left:
        return _DONE
    is_refused = bool(found.complaints) and found.applied_at != state["applied_at"]
    if is_refused or _is_late(state, limit_s):
        differences = ", ".join(
            f"{name} is {clean_line(str(found.attributes.get(name)), _SHOWN)!r}, not {clean_line(str(value), _SHOWN)!r}"
            for name, value in [*left.items()][:_MOST_NAMED]
        )
        said = f"; the BMC says: {'; '.join(found.complaints[:3])}" if found.complaints else ""
        raise bmc.refusal(
            "change BIOS settings",
            f"the machine was restarted, and {len(left)} of {len(wanted)} settings are not there ({differences}){said};"
            " look at the machine's console and at what these settings depend on",
        )
    return _again(state, f"{len(left)} of {len(wanted)} settings are not there yet")


def _begin_reset(bmc: ChangesBios, _arguments: Mapping[str, Any], timeout_s: float) -> BmcStepLook:
    ends_at = time.monotonic() + timeout_s
    if not bmc.state(with_registry=False, timeout_s=timeout_s).is_reset_waiting:
        bmc.reset(timeout_s=ends_at - time.monotonic())
    return BmcStepLook(
        state={"ordered": "reset"}, message="the defaults wait for a start", restarts=True
    )


def _look_for_reset(
    bmc: ChangesBios, state: Mapping[str, Any], timeout_s: float, *, limit_s: float
) -> BmcStepLook:
    """See the reset carried out, as far as a BMC says that one waits; of others the order and the start are all that is known."""
    found = _state_or_none(bmc, state, timeout_s, limit_s)
    if found is None:
        return _again(state, "the BMC does not answer")
    if not found.is_reset_waiting:
        return _DONE
    if _is_late(state, limit_s):
        raise bmc.refusal(
            "reset the BIOS settings",
            "the machine was restarted, and the reset still waits; look at the machine's console",
        )
    return _again(state, "the defaults are not there yet")


def _state_or_none(
    bmc: ChangesBios, state: Mapping[str, Any], timeout_s: float, limit_s: float
) -> BiosState | None:
    """Return what the BIOS has; ``None`` = the BMC does not answer, for which there is time: some restart with the machine."""
    try:
        return bmc.state(with_registry=False, timeout_s=timeout_s)
    except BmcUnreachable:
        if _is_late(state, limit_s):
            raise
        return None


def _again(state: Mapping[str, Any], message: str) -> BmcStepLook:
    now = step_now()
    return BmcStepLook(state={"started_at": now, **state, "looked_at": now}, message=message)


def _is_late(state: Mapping[str, Any], limit_s: float) -> bool:
    now = step_now()
    return now - float(state.get("started_at", now)) >= limit_s


def _wanted(bmc: ChangesBios, what: str, listed: Any) -> Mapping[str, Any]:
    is_fine = isinstance(listed, list) and all(
        isinstance(one, Mapping) and isinstance(one.get("name"), str) and "value" in one
        for one in listed
    )
    if not is_fine or not listed:
        raise bmc.refusal(
            what,
            "settings must be a list of objects with name and value, such as"
            ' [{"name": "ProcVirtualization", "value": "Enabled"}]',
        )
    return {one["name"]: one["value"] for one in listed}


def _is(now: Any, written: Any) -> bool:
    if isinstance(now, bool):
        return str(written).lower() == str(now).lower()
    return now is not None and str(written) == str(now)


def _is_password(found: BiosState, name: str) -> bool:
    """Say whether the BMC never shows what the setting is."""
    known = found.known.get(name)
    return known is not None and known.attribute_type == "Password"


def _is_secret(found: BiosState, name: str) -> bool:
    """Say whether the value must not be shown: also where the BMC has no registry, or calls a password a string."""
    return found.known.get(name, BiosSetting(name=name, value=None)).is_password
