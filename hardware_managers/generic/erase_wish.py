"""What a node's documents say about erasing it. Pure.

``driver_internal_info`` holds what the conductor sets from its configuration (Ironic's names); ours are ``agent_erase_level`` and
``agent_erase_allow_overwrite``, which the node's owner may give in ``driver_info`` and which win there.
"""

from collections.abc import Mapping
from typing import Any

from agent.errors import InvalidRequest
from agent.hardware.erasing import EraseLevel, EraseWish
from agent.protocol.loose_values import truth, whole_number
from agent.protocol.refusal import Refusal
from hardware_managers.generic.guard import is_wiping_shared

LEVEL = "agent_erase_level"
ALLOW_OVERWRITE = "agent_erase_allow_overwrite"
PSID = "agent_erase_psid"
"""Key of ``driver_info``: an object of PSIDs by serial number."""
_ITERATIONS, _ZEROIZE = "agent_erase_devices_iterations", "agent_erase_devices_zeroize"
_CONTINUE = ("agent_continue_if_secure_erase_failed", "agent_continue_if_ata_erase_failed")
_MOST_PASSES = 35
_MOST_AT_ONCE = 64


def erase_wish(node: Mapping[str, Any]) -> EraseWish:
    """Return what the node's owner and its controller want.

    Ironic allows overwriting by asking for passes, so passes that were asked for allow it unless
    ``agent_erase_allow_overwrite`` says no.

    Raises:
        InvalidRequest: A value cannot be used; the message names its key.
    """
    info = _object(node, "driver_internal_info")
    owner = _object(node, "driver_info")
    try:
        passes = whole_number(info.get(_ITERATIONS, 1), _ITERATIONS)
        zeroize = truth(info.get(_ZEROIZE, True), _ZEROIZE)
        is_asked = (_ITERATIONS in info or _ZEROIZE in info) and (passes > 0 or zeroize)
        allowed = owner.get(ALLOW_OVERWRITE, info.get(ALLOW_OVERWRITE, is_asked))
        return EraseWish(
            level=_level(owner.get(LEVEL, info.get(LEVEL))),
            allow_overwrite=truth(allowed, ALLOW_OVERWRITE),
            overwrite_passes=min(passes, _MOST_PASSES),
            zeroize=zeroize,
            use_nvme=_on(info, "agent_enable_nvme_secure_erase", default=True),
            use_ata=_on(info, "agent_enable_ata_secure_erase", default=True),
            after_failure=any(_on(info, key, default=False) for key in _CONTINUE),
            skip_read_only=_on(info, "agent_erase_skip_read_only", default=False),
            wipe_shared=is_wiping_shared(node),
            at_once=_at_once(info),
            psid=_psids(owner.get(PSID)),
        )
    except Refusal as error:
        raise InvalidRequest(
            f"driver_internal_info or driver_info: {error.field}: {error}"
        ) from error


def _at_once(info: Mapping[str, Any]) -> int:
    key = "disk_erasure_concurrency"
    return max(1, min(whole_number(info.get(key, 1), key), _MOST_AT_ONCE))


def _on(info: Mapping[str, Any], key: str, *, default: bool) -> bool:
    return truth(info.get(key, default), key)


def _level(value: Any) -> EraseLevel:
    if value is None:
        return EraseLevel.CLEAR
    try:
        return EraseLevel(str(value).strip().lower())
    except ValueError:
        known = ", ".join(EraseLevel)
        raise InvalidRequest(
            f"driver_info.{LEVEL} is {value!r}; it must be one of {known}"
        ) from None


def _psids(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(one, str) for one in value.values()):
        raise InvalidRequest(f"driver_info.{PSID} must be an object of PSIDs by serial number")
    return dict(value)


def _object(node: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = node.get(key) or {}
    if not isinstance(value, Mapping):
        raise InvalidRequest(f"{key} is no object")
    return value
