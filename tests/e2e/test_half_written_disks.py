"""What the power cuts call a disk that does not boot really does not, under BIOS and UEFI; the finished one does."""

from pathlib import Path

import pytest

from tests.e2e.image_workbench import DISK_BYTES, NEW_BANNER, OLD_BANNER, Workbench, outcome, start
from tests.e2e.test_power_cuts import wait_for_operations
from tests.lab.disks.block_nodes import file_node
from tests.lab.disks.bootable_image import UEFI_BANNER
from tests.lab.hardware import BootDevice, Disk, Firmware
from tests.lab.lab import Lab

pytestmark = [pytest.mark.vm, pytest.mark.timeout(900)]
FIRMWARE_S = 180
NOTHING = {
    Firmware.BIOS: "No bootable device",
    Firmware.UEFI: "BdsDxe: failed to load Boot0001 .* Not Found",
}
RUNS = {Firmware.BIOS: NEW_BANNER, Firmware.UEFI: UEFI_BANNER}


@pytest.fixture(scope="module")
def disks(workbench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A finished disk, one that was cut off in the middle, and one that was cut off before its first sector."""
    folder = tmp_path_factory.mktemp("disks")
    half, finished, sealed = (workbench.new_disk(folder) for _ in range(3))
    with workbench.thaw(file_node(half), workbench.raw, log=folder / "half.log") as machine:
        start(machine)
        wait_for_operations(machine, 20)
    with workbench.thaw(file_node(finished), workbench.raw, log=folder / "whole.log") as machine:
        start(machine)
        assert "written" in outcome(machine)
    sealed.write_bytes(bytes(512) + finished.read_bytes()[512:])
    return {"half": half, "sealed": sealed, "finished": finished}


@pytest.mark.parametrize("firmware", Firmware)
def test_only_the_finished_disk_starts(
    firmware: Firmware, disks: dict[str, Path], lab: Lab
) -> None:
    for name, shows in (
        ("half", NOTHING[firmware]),
        ("sealed", NOTHING[firmware]),
        ("finished", RUNS[firmware]),
    ):
        disk = Disk(size_bytes=DISK_BYTES, image=disks[name])
        machine = lab.machine(name=name, firmware=firmware, memory_mib=256, disks=(disk,), nics=0)
        machine.set_boot_device(BootDevice.DISK, persistent=True)
        machine.power_on()
        machine.console.wait_for(shows, timeout_s=FIRMWARE_S)
        machine.power_off()
        others = {OLD_BANNER, NEW_BANNER, UEFI_BANNER} - {shows}
        assert not [text for text in others if text in machine.console.text], name
