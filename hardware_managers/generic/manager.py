"""The entry point of the generic hardware manager: what any Linux machine offers."""

from dataclasses import replace

from agent.disks.release import StackReleaser
from agent.hardware.capabilities import HardwareManager
from agent.hardware.wishes import Wishes
from agent.images.operator_rules import writer_settings
from agent.images.writer import StreamingImageWriter
from agent.system.runner import Runner
from agent.system.sysfs import SysRoot
from hardware_managers.generic import reading
from hardware_managers.generic.bmc import IpmitoolBmcLocator
from hardware_managers.generic.bootloader import DiskBootloader
from hardware_managers.generic.collectors.offered import offered_collectors
from hardware_managers.generic.efi_bootloader import EfiBootloader
from hardware_managers.generic.erase_steps import ERASE_STEPS
from hardware_managers.generic.firmware_memory import FIRMWARE_MEMORY_STEPS
from hardware_managers.generic.grub_bootloader import GrubBootloader
from hardware_managers.generic.metadata_eraser import MetadataWiper
from hardware_managers.generic.overwrite import Overwriter
from hardware_managers.generic.psid import PsidReverter
from hardware_managers.generic.raid_steps import RAID_STEPS
from hardware_managers.generic.root_disk import HintedRootDisk
from hardware_managers.generic.steps import STEPS


def probe(runner: Runner) -> HardwareManager:
    """Return the manager; every Linux machine is its hardware."""
    sys_root = SysRoot()

    def configure(wishes: Wishes) -> HardwareManager:
        settings = writer_settings(wishes.images)
        return replace(
            manager,
            image_writer=StreamingImageWriter(runner, settings),
            bootloader=_bootloader(runner, wishes),
            collectors=offered_collectors(sys_root, wishes.collecting),
        )

    manager = replace(
        reading.probe(runner),
        is_part=False,
        bmc_locator=IpmitoolBmcLocator(runner, sys_root),
        root_disk_chooser=HintedRootDisk(),
        image_writer=StreamingImageWriter(runner),
        metadata_eraser=MetadataWiper(runner),
        disk_releaser=StackReleaser(runner),
        bootloader=_bootloader(runner, Wishes()),
        erasers=(Overwriter(), PsidReverter(sys_root)),
        steps=(*STEPS, *ERASE_STEPS, *FIRMWARE_MEMORY_STEPS, *RAID_STEPS),
        collectors=offered_collectors(sys_root, Wishes().collecting),
        configure=configure,
    )
    return manager


def _bootloader(runner: Runner, wishes: Wishes) -> DiskBootloader:
    grub = GrubBootloader(runner, is_allowed=wishes.bios_bootloader)
    return DiskBootloader(EfiBootloader(runner), grub)
