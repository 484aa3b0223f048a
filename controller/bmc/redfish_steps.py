"""The steps of the management interface ``redfish``; names and arguments are Ironic's."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

import sushy

from controller.bmc.redfish_clock import parse_time
from controller.errors import BmcError
from controller.hardware.bmc import BmcStep, BmcStepLook, StepArgument

_DONE = BmcStepLook(state=None)
_OFFSET = re.compile(r"[+-]\d{2}:\d{2}")
_ALL: Mapping[str, int] = MappingProxyType({"clean": 0, "deploy": 0, "service": 0})
_AT_REST: Mapping[str, int] = MappingProxyType({"clean": 0, "service": 0})
_WHEN_ENROLLED: Mapping[str, int] = MappingProxyType({"clean": 0, "service": 0, "verify": 0})


class ManagementSteps(Protocol):
    """What the steps need of the connection; as ``abilities.py``."""

    def reset_secure_boot_keys(
        self, kind: sushy.SecureBootResetKeysType, *, timeout_s: float
    ) -> None:
        """Reset the keys of Secure Boot."""

    def clock_is_right(self, *, timeout_s: float) -> bool:
        """Ask whether the BMC's clock is right."""

    def set_clock(
        self, wanted: str | None = None, offset: str | None = None, *, timeout_s: float
    ) -> None:
        """Set the BMC's clock."""


_Act = Callable[[ManagementSteps, Mapping[str, Any], float], None]


def _reset_to_default(bmc: ManagementSteps, _given: Mapping[str, Any], limit_s: float) -> None:
    kind = sushy.SecureBootResetKeysType.RESET_ALL_KEYS_TO_DEFAULT
    bmc.reset_secure_boot_keys(kind, timeout_s=limit_s)


def _clear(bmc: ManagementSteps, _given: Mapping[str, Any], limit_s: float) -> None:
    kind = sushy.SecureBootResetKeysType.DELETE_ALL_KEYS
    bmc.reset_secure_boot_keys(kind, timeout_s=limit_s)


def _set_clock(bmc: ManagementSteps, given: Mapping[str, Any], limit_s: float) -> None:
    wanted, offset = given.get("target_datetime"), given.get("datetime_local_offset")
    if wanted is not None:
        try:
            parse_time(wanted)
        except (TypeError, ValueError):
            raise BmcError(
                f"target_datetime is {wanted!r:.100}; give a time as 2026-11-30T12:00:00+00:00"
            ) from None
    if offset is not None and not (isinstance(offset, str) and _OFFSET.fullmatch(offset)):
        raise BmcError(f"datetime_local_offset is {offset!r:.100}; give it as +02:00")
    bmc.set_clock(wanted, offset, timeout_s=limit_s)


def _verify_clock(bmc: ManagementSteps, _given: Mapping[str, Any], limit_s: float) -> None:
    if not bmc.clock_is_right(timeout_s=limit_s):
        bmc.set_clock(timeout_s=limit_s)


def _step(
    name: str,
    act: _Act,
    priorities: Mapping[str, int],
    arguments: Mapping[str, StepArgument] | None = None,
) -> BmcStep:
    """Return a step that is over when it has begun, and may be carried out twice."""

    def begin(bmc: ManagementSteps, given: Mapping[str, Any], timeout_s: float) -> BmcStepLook:
        act(bmc, given, timeout_s)
        return _DONE

    return BmcStep(
        name=name,
        interface="management",
        priorities=priorities,
        begin=begin,
        look=lambda _bmc, _state, _timeout_s: _DONE,
        arguments=arguments or {},
    )


STEPS: tuple[BmcStep, ...] = (
    _step("reset_secure_boot_keys_to_default", _reset_to_default, _ALL),
    _step("clear_secure_boot_keys", _clear, _ALL),
    _step(
        "set_bmc_clock",
        _set_clock,
        _AT_REST,
        {
            "target_datetime": StepArgument(
                description="The time (ISO 8601); without it, the controller's"
            ),
            "datetime_local_offset": StepArgument(
                description="What the BMC is told of local time: its offset from UTC, such as +02:00"
            ),
        },
    ),
    _step("verify_bmc_clock", _verify_clock, _WHEN_ENROLLED),
)
