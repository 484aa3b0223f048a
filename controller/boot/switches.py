"""What a node's ``driver_info`` says about features that a setting switches on for all nodes. Pure.

Source: Ironic's fast track (``[deploy]fast_track``, ``driver_info.fast_track``); the others are ours and work alike.
"""

from collections.abc import Mapping
from typing import Any

from agent.protocol.loose_values import truth
from agent.protocol.refusal import Refusal
from controller.errors import Invalid
from controller.settings import Settings

FAST_TRACK = "fast_track"
KEXEC = "kexec"
LOCAL_BOOT_BY_ORDER = "local_boot_by_order"
"""Keys of ``driver_info``; the node's own word wins over the setting of the same name."""


def is_fast_track(driver_info: Mapping[str, Any], settings: Settings) -> bool:
    """Say whether the machine stays on after an inspection or a cleaning, and the next workflow takes its agent as it is.

    Raises:
        Invalid: ``driver_info.fast_track`` is neither true nor false.
    """
    return _is_on(driver_info, FAST_TRACK, default=settings.fast_track)


def is_kexec(driver_info: Mapping[str, Any], settings: Settings) -> bool:
    """Say whether the ramdisk starts the deployed system itself, without a boot through the firmware.

    Raises:
        Invalid: ``driver_info.kexec`` is neither true nor false.
    """
    return _is_on(driver_info, KEXEC, default=settings.kexec)


def is_local_boot_by_order(driver_info: Mapping[str, Any], settings: Settings) -> bool:
    """Say whether the machine is given no loader while it runs the system on its disk, so that its firmware goes on to the disk.

    Raises:
        Invalid: ``driver_info.local_boot_by_order`` is neither true nor false.
    """
    return _is_on(driver_info, LOCAL_BOOT_BY_ORDER, default=settings.local_boot_by_order)


def _is_on(driver_info: Mapping[str, Any], key: str, *, default: bool) -> bool:
    own = driver_info.get(key)
    if own is None or own == "":
        return default
    try:
        return truth(own, key)
    except Refusal as error:
        raise Invalid(f"driver_info/{key}: {error}; give true or false") from error
