"""Takes the root disk for a writing command: chosen by the chain, then freed of what stands on it."""

from collections.abc import Mapping
from typing import Any

from agent.hardware.capabilities import HardwareView
from agent.hardware.reading import RootDiskChoice


def take_root_disk(node: Mapping[str, Any], hardware: HardwareView) -> RootDiskChoice:
    """Choose the root disk and end what stands on it, but nothing that stands on a disk that is kept.

    Raises:
        NoSuitableDisk: No disk fits; the message names every disk and why not.
        InvalidRequest: A hint is unknown or malformed.
        DiskInUse: It is mounted or swapped to, or what stands on it cannot be ended.
    """
    choice = hardware.root_disk(node)
    hardware.release(choice.disk.nodes, [path for kept in choice.kept for path in kept.nodes])
    return choice
