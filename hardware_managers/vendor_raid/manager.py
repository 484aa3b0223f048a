"""The entry point: a configurator for each vendor's program that is in the ramdisk; without one this is nobody's hardware."""

import logging

from agent.hardware.capabilities import HardwareManager, Support
from agent.system.runner import Runner
from hardware_managers.vendor_raid.configurator import VendorRaid
from hardware_managers.vendor_raid.ssacli import SsaCli
from hardware_managers.vendor_raid.storcli import StorCli
from hardware_managers.vendor_raid.tool import Find, RaidTool, find_program, first_of

log = logging.getLogger(__name__)
NAME = "vendor_raid"
VERSION = "1.0"
_STORCLI = ("storcli64", "storcli", "perccli64", "perccli")
"""All drive the same firmware; Dell's answers for PERC only, so the general one is asked first."""
_SSACLI = ("ssacli", "hpssacli")


def probe(runner: Runner, find: Find = find_program) -> HardwareManager | None:
    """Return the manager, or ``None`` and a line in the log if no program is in the ramdisk; whether there is a controller is asked later."""
    tools: list[RaidTool] = []
    if (found := first_of(_STORCLI, find)) is not None:
        name, path = found
        tools.append(StorCli(runner, path, name.removesuffix("64")))
    if (found := first_of(_SSACLI, find)) is not None:
        tools.append(SsaCli(runner, found[1]))
    if not tools:
        wanted = ", ".join((*_STORCLI, *_SSACLI))
        log.info("no vendor's RAID program in this ramdisk", extra={"wanted": wanted})
        return None
    return HardwareManager(
        name=NAME,
        version=VERSION,
        support=Support.MAINLINE,
        raid_configurators=tuple(VendorRaid(tool, runner) for tool in tools),
    )
