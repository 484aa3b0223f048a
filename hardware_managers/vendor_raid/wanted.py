"""What ``target_raid_config`` asks of a RAID controller, as values. Pure; the types of the fields are checked before (``agent.protocol.raid_config``)."""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.hardware.logical_disks import LogicalDisk, read_logical_disks
from hardware_managers.vendor_raid.drives import JBOD, LEVELS, Level
from hardware_managers.vendor_raid.tool import RaidTool

Wanted = LogicalDisk[Level]
"""A logical drive that is wanted; ``size_bytes`` ``None`` = all that its drives have, ``count`` ``None`` = as few as the level takes."""


def parse_wanted(documents: Sequence[Mapping[str, Any]], tool: RaidTool) -> tuple[Wanted, ...]:
    """Turn the logical disks of a request into values and check what can be checked without the controller.

    Raises:
        InvalidRequest: One wants what ``tool`` cannot do, or contradicts itself or another; the message names disk and field.
    """
    levels = {name: LEVELS[name] for name in tool.levels}
    wanted = read_logical_disks(documents, levels, tool.name, shares=False)
    for one in wanted:
        _check(one, tool)
    return wanted


def _check(wanted: Wanted, tool: RaidTool) -> None:
    """Refuse what contradicts itself or what the program cannot say."""
    level = wanted.level
    if level.name == JBOD and wanted.size_bytes is not None:
        raise wanted.refusal("size_gb", "a JBOD drive has the size that it has; give MAX")
    if wanted.name is not None and not (
        tool.volume_name and tool.volume_name.fullmatch(wanted.name)
    ):
        allowed = tool.volume_name.pattern if tool.volume_name else "none; leave it out"
        raise wanted.refusal("volume_name", f"{wanted.name!r:.60}; {tool.name} takes {allowed}")
    members = len(wanted.idents) or len(wanted.hints)
    for field, count in (
        ("physical_disks", members or None),
        ("number_of_physical_disks", wanted.count),
    ):
        if count is not None and not level.fits(count):
            raise wanted.refusal(field, f"RAID {level.name} takes {level.rule()}, not {count}")
    if len(set(wanted.idents)) < len(wanted.idents):
        raise wanted.refusal("physical_disks", "names a drive twice")
