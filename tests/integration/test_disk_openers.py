"""Programs that hold a disk open are found in the real /proc, with what they have open."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.disks.busy import disk_layers, openers_of
from agent.disks.stack import Layer, LayerKind
from tests.integration.disk_images import MIB
from tests.integration.loop_disk import LoopDisk, loop_disk

pytestmark = pytest.mark.root


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LoopDisk]:
    with loop_disk(tmp_path, 2 * MIB, noise=False) as made:
        yield made


def layer_of(disk: LoopDisk) -> Layer:
    """Return the loop device alone, as if it were a whole disk."""
    layer = disk_layers(disk.path.stat().st_rdev)[0]
    assert layer.name == disk.path.name
    return replace(layer, kind=LayerKind.DISK, below=())


def held(disk: LoopDisk, mode: int, layer: Layer) -> tuple[tuple[str, ...], int]:
    """Return what is found while a program holds the disk open, and its process."""
    descriptor = os.open(disk.path, mode)
    try:
        program = subprocess.Popen(["sleep", "60"], pass_fds=[descriptor])
    finally:
        os.close(descriptor)
    try:
        return openers_of([layer]), program.pid
    finally:
        program.kill()
        program.wait()


def test_who_writes_to_a_disk_is_named(disk: LoopDisk) -> None:
    layer = layer_of(disk)
    found, process = held(disk, os.O_RDWR, layer)
    assert found == (f"{layer.name} is open in sleep (process {process})",)


def test_who_only_reads_a_disk_does_no_harm(disk: LoopDisk) -> None:
    assert held(disk, os.O_RDONLY, layer_of(disk))[0] == ()


def test_who_reads_a_partition_keeps_the_kernel_from_reading_the_table(disk: LoopDisk) -> None:
    """The loop device stands for a partition: loop devices of some kernels have none."""
    layer = replace(layer_of(disk), kind=LayerKind.PARTITION)
    found, process = held(disk, os.O_RDONLY, layer)
    assert found == (f"{layer.name} is open in sleep (process {process})",)


def test_a_disk_that_nobody_holds_has_no_openers(disk: LoopDisk) -> None:
    assert openers_of([layer_of(disk)]) == ()
