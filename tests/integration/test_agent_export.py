"""The commands of the ``iscsi`` namespace with a real disk; what the kernel's target does is a double's, as most kernels here have none."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.disks.root_device import choose_root_disk
from agent.hardware.devices import BlockDevice
from agent.hardware.exporting import ExportWish
from agent.hardware.reading import RootDiskChoice
from agent.protocol.commands import CommandResult
from agent.system.runner import HostRunner
from hardware_managers.generic.metadata_eraser import MetadataWiper
from tests.integration.disk_images import mbr_image
from tests.integration.loop_disk import LoopDisk
from tests.unit.agent.commands.command_desk import NODE, Desk
from tests.unit.agent.commands.test_iscsi_commands import LOGIN

pytestmark = pytest.mark.root
START, STOP = "iscsi.start_iscsi_target", "iscsi.stop_iscsi_target"
TARGET = "iqn.2008-10.org.openstack:75fe6cd1"


class Exporter:
    """Exports in thought; lists the one disk and chooses it."""

    def __init__(self, disk: BlockDevice) -> None:
        self._disk = disk
        self.wishes: list[ExportWish] = []
        self._exported: tuple[Path, ...] = ()

    def export(self, wish: ExportWish) -> None:
        self.wishes.append(wish)
        self._exported = (wish.disk,)

    def end(self) -> tuple[Path, ...]:
        ended, self._exported = self._exported, ()
        return ended

    def list_disks(self) -> tuple[BlockDevice, ...]:
        return (self._disk,)

    def choose(self, node: Mapping[str, Any], disks: Sequence[BlockDevice]) -> RootDiskChoice:
        return choose_root_disk(node, disks)


@pytest.fixture
def exporter(disk: LoopDisk) -> Exporter:
    return Exporter(replace(disk.device(), serial="S3RIAL", size_bytes=8 << 30))


@pytest.fixture
def desk(tmp_path: Path, exporter: Exporter) -> Desk:
    made = Desk(tmp_path / "agent")
    (one,) = made.hardware.managers
    own = replace(one, disk_lister=exporter, root_disk_chooser=exporter, disk_exporter=exporter)
    made.hardware.managers = (own,)
    return made


def start(desk: Desk, **params: Any) -> CommandResult:
    return desk.do(START, {"node": NODE, "iqn": TARGET, "login": LOGIN, **params})


def details(result: CommandResult) -> str:
    assert result.command_error is not None
    return str(result.command_error.details)


def test_the_root_disk_is_exported_as_it_is_and_nothing_is_written(
    desk: Desk, exporter: Exporter, disk: LoopDisk
) -> None:
    before = disk.file.read_bytes()
    result = start(desk, portal_address="192.0.2.7", portal_port=3261).command_result
    assert result == {
        "iscsi_target_iqn": TARGET,
        "lun": 1,
        "disk": {
            "path": str(disk.path),
            "size_bytes": disk.size_bytes,
            "sector_bytes": 512,
            "serial": "S3RIAL",
            "wwn": None,
        },
    }
    (wish,) = exporter.wishes
    assert (wish.disk, wish.address, wish.port) == (disk.path, "192.0.2.7", 3261)
    assert wish.login.username == "ann"
    assert disk.file.read_bytes() == before
    kept = "".join(path.read_text() for path in (desk.folder / "commands").glob("*"))
    assert "geheim" not in kept


def test_the_disks_tables_are_wiped_before_if_that_is_asked_for(
    desk: Desk, exporter: Exporter, disk: LoopDisk, tmp_path: Path
) -> None:
    (one,) = desk.hardware.managers
    wiper = MetadataWiper(HostRunner())
    desk.hardware.managers = (replace(one, metadata_eraser=wiper),)
    raw = mbr_image(tmp_path)
    with disk.path.open("r+b") as written:
        written.write(raw.content)
        os.fsync(written.fileno())
    assert start(desk, wipe_disk_metadata=True).command_error is None
    assert len(exporter.wishes) == 1
    assert disk.read(0, 1 << 20) == bytes(1 << 20)


def test_a_disk_in_use_is_not_exported(desk: Desk, exporter: Exporter, disk: LoopDisk) -> None:
    held = os.open(disk.path, os.O_RDWR | os.O_EXCL)
    try:
        assert f"{disk.path}: the kernel says that it is in use" in details(start(desk))
    finally:
        os.close(held)
    assert exporter.wishes == []


def test_what_was_written_is_known_to_later_commands_after_the_export(
    desk: Desk, disk: LoopDisk, tmp_path: Path
) -> None:
    start(desk)
    raw = mbr_image(tmp_path)
    with disk.path.open("r+b") as written:
        written.write(raw.content)
        os.fsync(written.fileno())
    for _ in range(2):  # the answer may have been lost, and the order given again
        assert desk.do(STOP, {"is_written": True}).command_error is None
        uuids = desk.do("standby.get_partition_uuids", {}).command_result
        assert uuids == {"root uuid": "0x12345678"}


def test_an_export_that_was_not_written_leaves_nothing_known(desk: Desk, disk: LoopDisk) -> None:
    start(desk)
    assert desk.do(STOP, {}).command_result == {"disks": [str(disk.path)]}
    assert desk.do(STOP, {}).command_result == {"disks": []}
    assert desk.do("standby.get_partition_uuids", {}).command_result == {}
    assert "no disk was exported" in details(desk.do(STOP, {"is_written": True}))


def test_a_disk_without_a_partition_table_is_no_written_one(desk: Desk) -> None:
    start(desk)
    assert "partition table" in details(desk.do(STOP, {"is_written": True}))
