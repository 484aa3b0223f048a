"""The choice of the root disk as on any machine: by the node's hints, else the smallest disk that is large enough."""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.disks.root_device import choose_root_disk
from agent.hardware.devices import BlockDevice
from agent.hardware.reading import RootDiskChoice


class HintedRootDisk:
    """Implements :class:`agent.hardware.reading.RootDiskChooser`."""

    def choose(self, node: Mapping[str, Any], disks: Sequence[BlockDevice]) -> RootDiskChoice:
        """See :func:`agent.disks.root_device.choose_root_disk`."""
        return choose_root_disk(node, disks)
