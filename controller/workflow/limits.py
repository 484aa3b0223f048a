"""How long a step may take: as long as it reports progress, and for a time by its kind without.

Pure. A step that reports nothing (the real agent's steps do not) has the whole time of its kind; whenever the progress of one
moves, its time begins anew. So an erase of a large disk goes on for days while it moves, and a stuck one ends.
"""

from collections.abc import Mapping
from typing import Any

from controller.settings import Settings

_MOVES = ("phase", "bytes_done", "disk_bytes_done", "message")
"""What of the progress has to change; a rate or a time left changes by itself."""


def silence_limit(settings: Settings, kind: str, step: str) -> tuple[str, float]:
    """Return the setting that says how long a step may be without progress, and its value in seconds.

    Args:
        settings: The controller's.
        kind: ``clean`` or ``deploy``.
        step: Name of the step; every ``erase_...`` erases whole disks, but ``erase_devices_metadata``.
    """
    is_erase = step.startswith("erase_") and "metadata" not in step
    name = "erase_step_timeout_s" if is_erase else f"{kind}_step_timeout_s"
    return name, float(getattr(settings, name))


def moved(seen: Any, progress: Mapping[str, Any] | None) -> list[Any] | None:
    """Return what to remember of the progress if it is not what was seen; ``None`` = nothing has moved."""
    now = [(progress or {}).get(key) for key in _MOVES]
    return None if seen is not None and list(seen) == now else now
