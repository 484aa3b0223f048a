"""What ``target_raid_config`` asks of a RAID controller, as values. Pure; the types of the fields are checked before (``agent.protocol.raid_config``)."""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.errors import InvalidRequest
from agent.protocol.raid.levels import JBOD, LEVELS
from agent.protocol.raid.logical_disks import read_logical_disks
from agent.protocol.raid.placing import Wanted, check_members
from hardware_managers.vendor_raid.tool import RaidTool


def parse_wanted(documents: Sequence[Mapping[str, Any]], tool: RaidTool) -> tuple[Wanted, ...]:
    """Turn the logical disks of a request into values and check what can be checked without the controller.

    Raises:
        InvalidRequest: One wants what ``tool`` cannot do, or contradicts itself or another; the message names disk and field.
    """
    levels = {name: LEVELS[name] for name in tool.levels}
    wanted = read_logical_disks(documents, levels, tool.name, shares=False, error=InvalidRequest)
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
    check_members(wanted)
