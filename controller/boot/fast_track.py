"""Whether a machine may keep its ramdisk running between two workflows. Pure.

Source: Ironic's fast track (``[deploy]fast_track``, ``driver_info.fast_track``).
"""

from collections.abc import Mapping
from typing import Any

from agent.protocol.loose_values import truth
from agent.protocol.refusal import Refusal
from controller.errors import Invalid
from controller.settings import Settings

KEY = "fast_track"
"""Key of ``driver_info``; the node's own word wins over the setting of the same name."""


def is_fast_track(driver_info: Mapping[str, Any], settings: Settings) -> bool:
    """Say whether the machine stays on after an inspection or a cleaning, and the next workflow takes its agent as it is.

    Raises:
        Invalid: ``driver_info.fast_track`` is neither true nor false.
    """
    own = driver_info.get(KEY)
    if own is None or own == "":
        return settings.fast_track
    try:
        return truth(own, KEY)
    except Refusal as error:
        raise Invalid(f"driver_info/{KEY}: {error}; give true or false") from error
