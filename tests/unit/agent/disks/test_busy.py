"""Uses of a disk are found in /proc and /sys and named."""

import os
from pathlib import Path

from agent.disks.busy import uses_of
from tests.unit.agent.disks.host_tree import HostTree


def uses(host: HostTree) -> tuple[str, ...]:
    return uses_of(os.makedev(8, 0), proc=host.proc, sys=host.sys)


def one_disk(folder: Path) -> HostTree:
    host = HostTree(folder)
    host.disk("sda", "8:0", parts={"sda1": "8:1"})
    return host


def test_a_free_disk_has_no_uses(tmp_path: Path) -> None:
    host = one_disk(tmp_path)
    host.mount("8:16", "/other")
    (host.proc / "swaps").write_text("Filename Type Size Used Priority\n/f file 1 0 -2\n")
    assert uses(host) == ()


def test_mounts_of_partitions_are_named_in_every_mount_namespace(tmp_path: Path) -> None:
    host = one_disk(tmp_path)
    host.mount("8:1", "/boot")
    host.mount("8:1", "/elsewhere", process=77)
    assert uses(host) == ("sda1 is mounted on /boot", "sda1 is mounted on /elsewhere")


def test_devices_stacked_on_the_disk_are_named(tmp_path: Path) -> None:
    host = one_disk(tmp_path)
    host.array("md0", "9:0", ("sda1",))
    host.mapping("dm-0", "254:0", ("sda",), "vg-lv")
    assert set(uses(host)) == {"sda is part of dm-0", "sda1 is part of md0"}


def test_what_is_mounted_from_an_array_on_the_disk_is_named(tmp_path: Path) -> None:
    host = one_disk(tmp_path)
    host.array("md0", "9:0", ("sda1",))
    host.mount("9:0", "/srv")
    assert uses(host) == ("md0 is mounted on /srv", "sda1 is part of md0")
