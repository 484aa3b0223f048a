import json
from pathlib import Path
from typing import Any

import pytest

from agent.errors import AgentError
from agent.hardware.devices import BlockDevice
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
    lsblk = f"lsblk --json --bytes --output {_COLUMNS}"
    runner = FakeRunner({"udevadm settle --timeout=60": "", lsblk: SAMPLE.read_text()})
    assert len(LsblkDiskLister(runner, lambda _: {}, SysRoot(tmp_path)).list_disks()) == 3
    assert runner.lines == ["udevadm settle --timeout=60", lsblk]


def row(name: str, kind: str = "disk", **more: Any) -> dict[str, Any]:
    columns = ("model", "vendor", "serial", "wwn", "hctl", "tran", "fstype", "label")
    return {
        "name": name,
        "kname": name,
        "type": kind,
        "size": 8 << 30,
        "log-sec": 512,
        "phy-sec": 512,
        "rota": False,
        "ro": False,
        "rm": False,
        **dict.fromkeys(columns),
        **more,
    }


def listed(tmp_path: Path, *rows: dict[str, Any]) -> dict[str, BlockDevice]:
    text = json.dumps({"blockdevices": rows})
    found = parse_lsblk(text, lambda _: {}, SysRoot(tmp_path))
    return {str(disk.path): disk for disk in found}


def test_two_paths_of_a_lun_are_one_disk_that_knows_both(tmp_path: Path) -> None:
    same = {"wwn": "0x5000c500a1b2c3d4", "serial": "S1"}
    found = listed(
        tmp_path,
        row("sda", **same),
        row("sdb"),
        row("sdc", **same),
        row("sdd", wwn=same["wwn"], serial="S2"),
        row("sde", wwn=same["wwn"], serial="S1", size=1 << 30),
    )
    assert list(found) == ["/dev/sda", "/dev/sdb", "/dev/sdd", "/dev/sde"]
    assert found["/dev/sda"].paths == (Path("/dev/sdc"),)
    assert found["/dev/sda"].nodes == (Path("/dev/sda"), Path("/dev/sdc"))
    assert found["/dev/sdd"].paths == ()


def test_a_multipath_device_stands_for_its_paths_by_the_name_of_the_kernel(tmp_path: Path) -> None:
    joined = row(
        "mpatha", "mpath", kname="dm-0", children=[row("mpatha-part1", "part", kname="dm-1")]
    )
    found = listed(tmp_path, row("sda", children=[joined]), row("sdb", children=[joined]))
    assert list(found) == ["/dev/dm-0"]
    assert found["/dev/dm-0"].paths == (Path("/dev/sda"), Path("/dev/sdb"))
    assert found["/dev/dm-0"].nodes == (Path("/dev/dm-0"),)


def test_an_assembled_array_is_listed_with_the_disks_that_it_stands_on(tmp_path: Path) -> None:
    array = row("md0", "raid1")
    member = {"fstype": "linux_raid_member", "label": "old:data"}
    found = listed(
        tmp_path,
        row("sda", children=[row("sda1", "part", children=[array], **member)]),
        row("sdb", children=[array], **member),
        row("sdc", children=[row("vg-lv", "lvm", kname="dm-0")]),
        row("sdd", fstype="isw_raid_member"),
    )
    assert list(found) == ["/dev/sda", "/dev/md0", "/dev/sdb", "/dev/sdc", "/dev/sdd"]
    assert found["/dev/md0"].below == (Path("/dev/sda"), Path("/dev/sdb"))
    assert found["/dev/sda"].volume_names == found["/dev/sdb"].volume_names == ("data",)
    assert not found["/dev/sda"].has_unnamed_volume
    assert found["/dev/sdd"].has_unnamed_volume


@pytest.mark.parametrize("damage", [{"size": None}, {"size": "much"}, {"log-sec": None}])
def test_one_row_that_makes_no_sense_does_not_hide_the_others(
    tmp_path: Path, damage: dict[str, Any]
) -> None:
    assert list(listed(tmp_path, row("sda", **damage), row("sdb"))) == ["/dev/sdb"]


def test_the_label_of_the_whole_device_counts_and_not_that_of_a_partition(tmp_path: Path) -> None:
    part = row("sdb1", "part", label="config-2")
    found = listed(tmp_path, row("sda", label="ir-vfd-dev"), row("sdb", children=[part]))
    assert [disk.label for disk in found.values()] == ["ir-vfd-dev", None]
