"""The root disk of a node whose system lives on an array: the root volume of ``raid_config`` wins over hints, as with Ironic."""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.disks.root_device import skipped_disks
from agent.errors import Declined, NoSuitableDisk
from agent.hardware.devices import BlockDevice
from agent.hardware.reading import RootDiskChoice
from agent.protocol.device_hints import root_hints
from hardware_managers.software_raid.configurator import SoftwareRaid
from hardware_managers.software_raid.recorded import recorded_arrays


class RootVolume:
    """Implements :class:`agent.hardware.reading.RootDiskChooser` for nodes with arrays; declines for all others."""

    def __init__(self, raid: SoftwareRaid) -> None:
        self._raid = raid

    def choose(self, node: Mapping[str, Any], disks: Sequence[BlockDevice]) -> RootDiskChoice:
        """Start the node's arrays and take the root volume; without one that is marked, and without hints, the first array.

        Raises:
            NoSuitableDisk: The root volume is on a disk that must be left alone.
            RaidError: An array of ``raid_config`` is not there, or does not start.
        """
        known = recorded_arrays(node)
        marked = [place for place, one in enumerate(known) if one.is_root]
        if not known:
            raise Declined("raid_config has no software RAID")
        if not marked and root_hints(node):
            raise Declined("no array of raid_config is the root volume, and there are hints")
        wanted = marked[0] if marked else 0
        chosen = self._raid.attach(node)[wanted]
        kept = skipped_disks(node, disks)
        if held := [str(d.path) for d in kept if d.path in chosen.below or d.path == chosen.path]:
            raise NoSuitableDisk(
                f"the root volume {known[wanted]} ({chosen.path}) is on {', '.join(held)}, which"
                " properties.skip_block_devices protects; correct one of them"
            )
        why = "the root volume" if marked else "the first array"
        reasons = {
            disk.path: "is a member of an array"
            if disk.path in chosen.below
            else "is no root volume"
            for disk in disks
            if disk.path != chosen.path
        }
        reasons[chosen.path] = f"taken: {why} of raid_config, {known[wanted]}; it wins over hints"
        return RootDiskChoice(disk=chosen, reasons=reasons, kept=kept)
