"""QEMU is killed in the middle of writes: the disk holds the older system, nothing that boots, or exactly the image.

The moments are counted in finished operations of the disk, not in seconds, so that a busy machine tests the same. Half of them
lie in the last operations: config drive, backup table, first MiB. ``LAB_POWER_CUTS=50`` asks for more of them. What a real
disk loses beyond that (writes after the last flush) is the matter of ``tests/integration/test_power_cut_states.py``.
"""

import logging
import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.image_workbench import WRITE_S, Workbench, outcome, start
from tests.lab.disks.block_nodes import file_node
from tests.lab.disks.disk_verdict import Judge, Verdict
from tests.lab.frozen_machine import RunningMachine
from tests.lab.program import run

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1800)]
log = logging.getLogger(__name__)
CUTS = int(os.environ.get("LAB_POWER_CUTS", "6"))
LAST_OPERATIONS = 12
POLL_S = 0.005
DRIVE_ID = "c0ffee00-0000-4000-8000-000000000003"
ALLOWED = {Verdict.OLDER, Verdict.BLANK, Verdict.SEALED, Verdict.COMPLETE}


def test_whenever_the_power_is_cut_the_disk_is_the_image_or_does_not_boot(
    workbench: Workbench, logs: Path
) -> None:
    finished = workbench.new_disk()
    with workbench.thaw(file_node(finished), workbench.qcow2, log=logs / "whole.log") as machine:
        start(machine)
        assert "written" in outcome(machine)
        total = machine.operations("target")
    assert "No problems found" in run("sgdisk", "--verify", str(finished))
    judge = Judge(older=workbench.old_disk.read_bytes(), finished=comparable(finished))

    verdicts = [cut(workbench, moment, judge, logs) for moment in moments(total)]

    log.info("%d cuts in %d operations: %s", len(verdicts), total, Counter(verdicts))
    assert set(verdicts) <= ALLOWED, list(zip(moments(total), verdicts, strict=True))
    assert Verdict.BLANK in verdicts


def moments(total: int) -> list[int]:
    """Return after how many operations to cut, half of them near the end."""
    source = random.Random(3)
    early = [source.randrange(total) for _ in range(CUTS // 2)]
    return early + [source.randrange(total - LAST_OPERATIONS, total + 1) for _ in range(CUTS // 2)]


def cut(workbench: Workbench, moment: int, judge: Judge, logs: Path) -> Verdict:
    """Write to a new disk, cut the power after ``moment`` operations, and judge what is left."""
    disk = workbench.new_disk()
    console = logs / f"cut-{moment}.log"
    with workbench.thaw(file_node(disk), workbench.qcow2, log=console) as machine:
        start(machine)
        wait_for_operations(machine, moment)
        machine.kill()
    verdict = judge.judge(comparable(disk))
    log.info("cut after %d operations: %s", moment, verdict)
    disk.unlink()
    return verdict


def wait_for_operations(machine: RunningMachine, count: int) -> None:
    deadline = time.monotonic() + WRITE_S
    while machine.operations("target") < count:
        assert time.monotonic() < deadline, f"no {count} operations; see {machine.console.raw}"
        time.sleep(POLL_S)


def comparable(disk: Path) -> bytes:
    """Return the disk with a fixed id of the config drive's partition, which is random, if its tables are whole."""
    with disk.open("rb") as file:
        starts = any(file.read(512))
    if starts and "No problems found" in run("sgdisk", "--verify", str(disk)):
        parts = run("sgdisk", "--print", str(disk))
        if "config-2" in parts:
            run("sgdisk", f"--partition-guid=3:{DRIVE_ID}", str(disk))
    return disk.read_bytes()
