from pathlib import Path

import pytest

from agent.errors import AgentError
from agent.system.sysfs import SysRoot
from hardware_managers.generic.disks import _COLUMNS, LsblkDiskLister, parse_lsblk
from tests.unit.fakes import FakeRunner

SAMPLE = Path(__file__).parents[3] / "data/lsblk/virtual-server.json"
UDEV = {
    "sda": {
        "ID_MODEL": "QEMU_HARDDISK",
        "ID_SERIAL": "QEMU_HARDDISK_QM00001",
        "ID_SERIAL_SHORT": "QM00001",
        "ID_WWN": "0x5000c500a1b2c3d4",
        "ID_WWN_WITH_EXTENSION": "0x5000c500a1b2c3d4feed",
        "DEVLINKS": "/dev/disk/by-id/ata-QEMU /dev/disk/by-path/pci-0000:00:1f.2-ata-1",
    }
}


def disks(tmp_path: Path) -> dict[str, object]:
    found = parse_lsblk(SAMPLE.read_text(), lambda name: UDEV.get(name, {}), SysRoot(tmp_path))
    return {disk.path.name: disk for disk in found}


def test_only_devices_that_can_hold_a_system_are_listed_in_the_order_of_lsblk(
    tmp_path: Path,
) -> None:
    assert list(disks(tmp_path)) == ["vda", "sda", "nvme0n1"]


def test_every_spelling_of_serial_and_wwn_is_kept_with_the_kernels_first(tmp_path: Path) -> None:
    (sda,) = [
        d
        for d in parse_lsblk(SAMPLE.read_text(), lambda n: UDEV.get(n, {}), SysRoot(tmp_path))
        if d.path.name == "sda"
    ]
    assert sda.serials == ("QM00001", "QEMU_HARDDISK_QM00001")
    assert sda.wwns == ("0x5000c500a1b2c3d4", "0x5000c500a1b2c3d4feed")
    assert sda.by_path == "/dev/disk/by-path/pci-0000:00:1f.2-ata-1"
    assert sda.vendor == "ATA"


def test_sector_sizes_and_rotation_come_from_the_kernel(tmp_path: Path) -> None:
    found = {
        d.path.name: d for d in parse_lsblk(SAMPLE.read_text(), lambda _: {}, SysRoot(tmp_path))
    }
    assert (found["nvme0n1"].logical_sector_bytes, found["nvme0n1"].is_rotational) == (4096, False)
    assert (found["vda"].logical_sector_bytes, found["vda"].is_rotational) == (512, True)


@pytest.mark.parametrize("text", ["", "{}", '{"blockdevices": [{"kname": "sda"}]}'])
def test_output_that_is_not_lsblks_is_an_error_that_shows_it(text: str, tmp_path: Path) -> None:
    with pytest.raises(AgentError, match="lsblk: output not understood"):
        parse_lsblk(text, lambda _: {}, SysRoot(tmp_path))


def test_disks_are_listed_only_when_udev_has_handled_all_it_found(tmp_path: Path) -> None:
    lsblk = f"lsblk --json --bytes --nodeps --output {_COLUMNS}"
    runner = FakeRunner({"udevadm settle --timeout=60": "", lsblk: SAMPLE.read_text()})
    assert len(LsblkDiskLister(runner, lambda _: {}, SysRoot(tmp_path)).list_disks()) == 3
    assert runner.lines == ["udevadm settle --timeout=60", lsblk]
