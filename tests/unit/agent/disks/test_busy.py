"""Uses of a disk are found in /proc and /sys and named."""

import os
from pathlib import Path

from agent.disks.busy import uses_of


def make_host(folder: Path, *, mounts: str = "", swaps: str = "") -> tuple[Path, Path]:
    proc, sys = folder / "proc", folder / "sys"
    disk = sys / "devices/sda"
    (disk / "sda1/holders").mkdir(parents=True)
    (disk / "holders").mkdir()
    (disk / "dev").write_text("8:0\n")
    (disk / "sda1/dev").write_text("8:1\n")
    (disk / "sda1/partition").write_text("1\n")
    (sys / "dev/block").mkdir(parents=True)
    (sys / "dev/block/8:0").symlink_to(disk)
    (proc / "self").mkdir(parents=True)
    (proc / "self/mountinfo").write_text(mounts)
    if swaps:
        (proc / "swaps").write_text("Filename Type Size Used Priority\n" + swaps)
    return proc, sys


def uses(folder: Path) -> tuple[str, ...]:
    return uses_of(os.makedev(8, 0), proc=folder / "proc", sys=folder / "sys")


def test_a_free_disk_has_no_uses(tmp_path: Path) -> None:
    make_host(
        tmp_path, mounts="22 1 8:16 / /other rw - ext4 /dev/sdb rw\n", swaps="/f file 1 0 -2\n"
    )
    assert uses(tmp_path) == ()


def test_mounts_of_partitions_are_named(tmp_path: Path) -> None:
    make_host(tmp_path, mounts="22 1 8:1 / /boot rw - ext4 /dev/sda1 rw\n")
    assert uses(tmp_path) == ("sda1 is mounted on /boot",)


def test_devices_stacked_on_the_disk_are_named(tmp_path: Path) -> None:
    _, sys = make_host(tmp_path)
    (sys / "devices/sda/sda1/holders/md0").mkdir()
    (sys / "devices/sda/holders/dm-0").mkdir()
    assert uses(tmp_path) == ("sda is part of dm-0", "sda1 is part of md0")
