"""The ramdisk's kernel passes a disk's errors on, and the agent names disk and place; more faults are tried on loop devices."""

import re
from pathlib import Path

import pytest

from tests.e2e.image_workbench import DISK_BYTES, Workbench, outcome, start
from tests.lab.disks.block_nodes import Fault, Node, Operation, faulty_node, file_node
from tests.lab.disks.disk_verdict import MIB, Judge
from tests.lab.program import run

pytestmark = [pytest.mark.vm, pytest.mark.timeout(900)]
BAD_BYTE = 9 * MIB
DRIVE_AT = DISK_BYTES - 65 * MIB
"""The config drive's partition of 64 MiB lies before the last, aligned MiB."""
LARGEST_ZERO_BYTES = 8 * MIB


def failure(workbench: Workbench, node: Node, log: Path) -> str:
    with workbench.thaw(node, workbench.raw, log=log) as machine:
        start(machine)
        return outcome(machine)


def assert_blank(disk: Path) -> None:
    content = disk.read_bytes()
    assert Judge(older=content, finished=content).is_blank(content)


def test_a_bad_sector_in_the_middle_is_named_and_nothing_boots(
    workbench: Workbench, logs: Path
) -> None:
    disk = workbench.new_disk()
    kinds = (Operation.WRITE, Operation.ZERO)
    faults = [Fault(operation=kind, sector=BAD_BYTE // 512) for kind in kinds]
    node = faulty_node(disk, faults)
    said = failure(workbench, node, logs / "console.log")
    found = re.search(r"failed: DiskError: /dev/vd\w: write.* at byte (\d+): Input/output", said)
    assert found, said
    assert BAD_BYTE - LARGEST_ZERO_BYTES < int(found[1]) <= BAD_BYTE
    assert_blank(disk)


def test_a_config_drive_that_cannot_be_read_back_is_named_and_nothing_boots(
    workbench: Workbench, logs: Path
) -> None:
    disk = workbench.new_disk()
    node = faulty_node(disk, [Fault(operation=Operation.READ, sector=DRIVE_AT // 512 + 64)])
    said = failure(workbench, node, logs / "console.log")
    assert re.search(r"failed: DiskError: /dev/vd\w: read at byte \d+: Input/output", said), said
    assert_blank(disk)


def test_a_disk_that_fills_up_is_named_and_nothing_boots(
    workbench: Workbench, logs: Path, tmp_path: Path
) -> None:
    run("mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(tmp_path))
    try:
        disk = tmp_path / "disk"
        with disk.open("wb") as file:
            file.truncate(workbench.old_disk.stat().st_size)
        said = failure(workbench, file_node(disk), logs / "console.log")
        assert re.search(r"failed: DiskError: /dev/vd\w: write.* at byte \d+: ", said), said
        assert_blank(disk)
    finally:
        run("umount", str(tmp_path))
