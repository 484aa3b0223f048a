"""The entry point: software RAID is for every machine, and better than the generic manager for systems that live on an array."""

from agent.hardware.capabilities import HardwareManager, Support
from agent.system.runner import Runner
from agent.system.sysfs import SysRoot
from hardware_managers.software_raid.bootable import RaidBootloader
from hardware_managers.software_raid.configurator import SoftwareRaid
from hardware_managers.software_raid.root_volume import RootVolume

NAME = "software_raid"
VERSION = "1.0"


def probe(runner: Runner) -> HardwareManager:
    """Return the manager; it declines at call time where no array is concerned."""
    raid = SoftwareRaid(runner, SysRoot())
    return HardwareManager(
        name=NAME,
        version=VERSION,
        support=Support.MAINLINE,
        root_disk_chooser=RootVolume(raid),
        bootloader=RaidBootloader(runner),
        raid_configurators=(raid,),
    )
