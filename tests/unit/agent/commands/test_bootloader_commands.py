"""``install_bootloader`` makes boot entries for what was written, and for nothing else."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.commands.bootloader import Bootloader
from agent.commands.command import Control
from agent.commands.written_images import WrittenImages
from agent.errors import BootloaderError
from agent.hardware.registry import Hardware
from agent.protocol.commands import CommandStatus
from agent.system.stop_signal import StopSignal
from tests.unit.agent.commands.command_desk import WRITTEN, Desk
from tests.unit.fakes import manager

UEFI = {"root_uuid": "0x0000002a", "efi_system_part_uuid": None, "target_boot_mode": "uefi"}


def test_boot_entries_are_made_for_the_disk_that_was_written(desk: Desk) -> None:
    desk.written.remember(WRITTEN)
    assert desk.do("image.install_bootloader", UEFI).command_result is None
    assert desk.machine.booted == ["/dev/vda uefi"]


def test_a_whole_disk_image_brings_its_own_boot_sector_on_bios(desk: Desk) -> None:
    result = desk.do("image.install_bootloader", UEFI | {"target_boot_mode": "bios"})
    assert result.command_status is CommandStatus.SUCCEEDED
    assert desk.machine.booted == []


@pytest.mark.parametrize("root_uuid", ["0x0000002b", "0x0000002a"])
def test_without_the_image_that_is_meant_no_boot_entry_is_made(desk: Desk, root_uuid: str) -> None:
    if root_uuid != WRITTEN.root_uuid:
        desk.written.remember(WRITTEN)
    result = desk.do("image.install_bootloader", UEFI | {"root_uuid": root_uuid})
    assert result.command_error.type == "BootloaderError"
    assert desk.machine.booted == []


def test_on_an_array_ironic_tells_the_root_file_system_and_not_the_disk(desk: Desk) -> None:
    array = replace(WRITTEN.disk, path=Path("/dev/md0"), below=(Path("/dev/vda"), Path("/dev/vdb")))
    desk.written.remember(replace(WRITTEN, disk=array))
    told = UEFI | {"root_uuid": "6d2f6c0e-43b5-4c7f-9d1b-0b9f0f6a3c11"}
    assert desk.do("image.install_bootloader", told).command_result is None
    assert desk.machine.booted == ["/dev/md0 uefi"]


@pytest.mark.parametrize(("setting", "param"), [(True, None), (False, True)])
def test_a_boot_loader_failure_is_ignored_when_told(
    tmp_path: Path, setting: bool, param: bool | None
) -> None:
    written = WrittenImages(tmp_path / "none")
    command = Bootloader(Hardware([manager()]), written, ignore_failure=setting)
    job = command.install_bootloader(UEFI | {"ignore_bootloader_failure": param})
    job(Control(lambda _: None, StopSignal()))


def test_the_controllers_word_about_boot_loader_failures_wins(tmp_path: Path) -> None:
    written = WrittenImages(tmp_path / "none")
    command = Bootloader(Hardware([manager()]), written, ignore_failure=True)
    job = command.install_bootloader(UEFI | {"ignore_bootloader_failure": False})
    with pytest.raises(BootloaderError, match="no image was written in this boot"):
        job(Control(lambda _: None, StopSignal()))
