"""The two commands, on a machine where nothing may be started."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.commands.command import Control
from agent.commands.kexec import Kexec
from agent.commands.written_images import WrittenImages
from agent.errors import InvalidRequest, KexecNotPossible
from agent.hardware.writing import WrittenImage
from agent.protocol.commands import Progress
from agent.system.power import NoPower
from agent.system.stop_signal import StopSignal
from agent.system.sysfs import SysRoot
from tests.unit.fakes import FakeRunner, disk

WRITTEN = WrittenImage(disk=disk(), root_uuid="0x0000002a")


def commands(folder: Path, written: WrittenImage | None = WRITTEN) -> Kexec:
    images = WrittenImages(folder / "written-image.json")
    if written is not None:
        images.remember(written)
    return Kexec(images, FakeRunner({}), NoPower(), lambda _patience_s: None, SysRoot(folder))


def control(told: list[Progress]) -> Control:
    return Control(told.append, StopSignal())


def test_without_an_image_of_this_boot_there_is_nothing_to_start(tmp_path: Path) -> None:
    with pytest.raises(KexecNotPossible, match="no image was written in this boot"):
        commands(tmp_path, None).prepare({})(control([]))


def test_a_machine_that_may_not_is_asked_for_nothing_more(tmp_path: Path) -> None:
    told: list[Progress] = []
    with pytest.raises(KexecNotPossible, match="the ramdisk's kernel cannot start another one"):
        commands(tmp_path, replace(WRITTEN)).prepare({})(control(told))
    assert [one.phase for one in told] == ["look for the deployed system's kernel"]


def test_nothing_is_started_that_was_not_loaded_before(tmp_path: Path) -> None:
    with pytest.raises(KexecNotPossible, match="no kernel was loaded"):
        commands(tmp_path).start({})(control([]))


def test_nothing_is_started_that_the_controller_does_not_hear_of(tmp_path: Path) -> None:
    def announce(patience_s: float) -> None:
        raise KexecNotPossible(f"nobody heard it in {patience_s:g} s")

    kexec = Kexec(WrittenImages(tmp_path / "w"), FakeRunner({}), NoPower(), announce)
    kexec._is_loaded = True
    told: list[Progress] = []
    with pytest.raises(KexecNotPossible, match="nobody heard it in 7 s"):
        kexec.start({"patience_s": 7})(control(told))
    assert [one.phase for one in told] == ["flush", "tell the controller"]
    with pytest.raises(InvalidRequest, match="patience_s"):
        kexec.start({"patience_s": "long"})


def test_an_agent_on_somebodys_host_starts_no_kernel() -> None:
    with pytest.raises(KexecNotPossible, match="--no-reboot"):
        NoPower().load_kernel(0, None, "")
    with pytest.raises(KexecNotPossible, match="--no-reboot"):
        NoPower().start_kernel()
