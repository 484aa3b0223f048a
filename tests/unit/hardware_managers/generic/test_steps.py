"""What the generic steps do about a stop, and which disks they leave alone, without a disk."""

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.disks.read_back import Mark
from agent.errors import EraseError, RaidError, Stopped
from agent.hardware.capabilities import StepContext
from agent.hardware.devices import BlockDevice
from agent.hardware.erasing import (
    EraseEvidence,
    EraseLevel,
    EraseOffer,
    ErasePlan,
    EraseWish,
    MetadataEvidence,
)
from agent.hardware.registry import Hardware
from agent.hardware.tools import ProgressSink, StepTools
from hardware_managers.generic.erase_plan import Job
from hardware_managers.generic.erase_run import EraseRun
from hardware_managers.generic.erase_steps import erase_devices, erase_devices_express
from hardware_managers.generic.steps import erase_devices_metadata
from tests.unit.fakes import FakeRunner, Tools, disk, manager

AT_ONCE = 8


class TwelveDisks:
    """Erases as many as are erased at once, and has the step stopped in the middle of that."""

    def __init__(self, tools: Tools) -> None:
        self._together = threading.Barrier(AT_ONCE, action=tools.stop.set)
        self.erased: list[str] = []

    def list_disks(self) -> tuple[BlockDevice, ...]:
        return tuple(disk(f"/dev/sd{letter}") for letter in "abcdefghijkl")

    def erase_metadata(
        self, disk: BlockDevice, progress: ProgressSink, *, wipe_shared: bool
    ) -> MetadataEvidence:
        self._together.wait(20)
        self.erased.append(str(disk.path))
        return MetadataEvidence(disk=disk, method="metadata", detail="gone")


def test_erasing_metadata_stops_between_disks_and_says_which_are_erased(tmp_path: Path) -> None:
    tools = Tools(FakeRunner({}), tmp_path)
    disks = TwelveDisks(tools)
    hardware = Hardware([replace(manager(), disk_lister=disks, metadata_eraser=disks)])
    with pytest.raises(Stopped, match=r"/dev/sdi, .*/dev/sdl not touched; erased: /dev/sda") as end:
        erase_devices_metadata(tools.context(hardware))
    assert sorted(disks.erased) == [f"/dev/sd{letter}" for letter in "abcdefgh"]
    assert end.value.result["/dev/sda"] == "metadata: gone"
    assert end.value.result["/dev/sdl"].startswith("/dev/sdl: erasing its metadata was stopped")


class Disks:
    """A LUN with two paths, a disk, an array on both, and the BMC's media; notes what is erased and what is kept from releases."""

    LUN = replace(disk("/dev/sda"), paths=(Path("/dev/sdx"),))
    ARRAY = replace(disk("/dev/md0"), below=(Path("/dev/sdx"), Path("/dev/sdb")))
    MEDIA = (
        replace(disk("/dev/sdv", 1 << 20), transport="usb", model="Virtual Floppy"),
        replace(disk("/dev/sdw", 1 << 20), transport="usb", label="config-2"),
    )

    def __init__(self) -> None:
        self.erased: list[str] = []
        self.kept: set[Path] = set()

    def list_disks(self) -> tuple[BlockDevice, ...]:
        return (self.LUN, disk("/dev/sdb"), disk("/dev/sdc"), self.ARRAY, *self.MEDIA)

    def release(self, disks: Collection[Path], kept: Collection[Path] = ()) -> tuple[str, ...]:
        self.kept |= set(kept)
        return ()

    def erase_metadata(
        self, disk: BlockDevice, progress: ProgressSink, *, wipe_shared: bool
    ) -> MetadataEvidence:
        self.erased.append(disk.path.name)
        return MetadataEvidence(disk=disk, method="metadata", detail="gone")

    def hardware(self) -> Hardware:
        one = replace(manager(), disk_lister=self, metadata_eraser=self, disk_releaser=self)
        return Hardware([one])


def test_virtual_media_keep_their_metadata(tmp_path: Path) -> None:
    disks = Disks()
    told = erase_devices_metadata(Tools(FakeRunner({}), tmp_path).context(disks.hardware()))
    assert sorted(disks.erased) == ["sda", "sdb", "sdc", "sdx"]
    assert told["/dev/sdv"] == told["/dev/sdw"] == "left alone: virtual media of the BMC"
    assert told["/dev/md0"].startswith("ended: it stood on")
    assert {one.path for one in disks.MEDIA} <= disks.kept


SKIPS_LUN = {"properties": {"skip_block_devices": [{"name": "/dev/sda"}]}}


def test_every_path_of_a_skipped_lun_is_kept_and_so_is_what_stands_on_it(tmp_path: Path) -> None:
    disks = Disks()
    context = Tools(FakeRunner({}), tmp_path).context(disks.hardware(), SKIPS_LUN)
    erase_devices_metadata(context)
    assert disks.erased == ["sdc"]
    assert {Path("/dev/sda"), Path("/dev/sdx"), Path("/dev/sdb")} <= disks.kept


def test_the_steps_that_erase_whole_disks_keep_every_path_too(tmp_path: Path) -> None:
    disks = Disks()
    context = Tools(FakeRunner({}), tmp_path).context(disks.hardware(), SKIPS_LUN)
    with pytest.raises(EraseError, match="1 of 1 disks not erased: /dev/sdc"):
        erase_devices(context)
    assert {Path("/dev/sda"), Path("/dev/sdx"), Path("/dev/sdb")} <= disks.kept


class Array:
    """Knows the array of ``raid_config``, and nothing else of a RAID configurator."""

    name = "array"

    def __init__(self) -> None:
        self.arrays: tuple[BlockDevice, ...] = (Disks.ARRAY,)

    def attach(self, node: Mapping[str, Any]) -> tuple[BlockDevice, ...]:
        if not node.get("raid_config"):
            return ()
        if not self.arrays:
            raise RaidError("raid_config has the array 'root', but 0 of that name are on the disks")
        return self.arrays


@pytest.mark.parametrize("step", [erase_devices, erase_devices_metadata, erase_devices_express])
def test_each_step_that_erases_keeps_the_arrays_of_raid_config(
    tmp_path: Path, step: Callable[[StepContext], dict[str, Any]]
) -> None:
    disks, array = Disks(), Array()
    arrays: Any = (array,)
    one = replace(
        manager(),
        disk_lister=disks,
        metadata_eraser=disks,
        disk_releaser=disks,
        raid_configurators=arrays,
    )
    context = Tools(FakeRunner({}), tmp_path).context(
        Hardware([one]), {"raid_config": {"logical_disks": [1]}}
    )
    try:
        told = step(context)
    except EraseError as error:
        told = error.result
    assert {disks.erased.count(name) for name in ("sda", "sdx", "sdb")} == {0}
    for member in ("/dev/sda", "/dev/sdb"):
        assert "a member of /dev/md0, an array of raid_config" in told[member]
    if step is erase_devices:
        assert "raid.delete_configuration before" in told["/dev/md0"]
    else:
        assert told["/dev/md0"].startswith("metadata: gone")
    assert disks.kept.isdisjoint({Path("/dev/sda"), Path("/dev/sdx"), Path("/dev/sdb")})
    array.arrays = ()
    with pytest.raises(RaidError):
        step(context)


class SelfEraser:
    """A drive that cannot be stopped, sda, and others that can; the step is asked to stop when all are at work."""

    def __init__(self, tools: Tools, disks: int) -> None:
        self._tools = tools
        self._together = threading.Barrier(disks)

    def plans(self, disk: BlockDevice, wish: EraseWish) -> tuple[ErasePlan, ...]:
        levels = frozenset({EraseLevel.CLEAR})
        return (ErasePlan(disk=disk, method="m", command="", levels=levels, strength=1),)

    def erase(self, plan: ErasePlan, tools: StepTools) -> EraseEvidence:
        if plan.disk.path.name == "sda":
            with tools.stop.refusing("/dev/sda: the drive erases itself"):
                self._together.wait(20)
                self._tools.stop.set()
            raise EraseError("/dev/sda: it came to its end")
        self._together.wait(20)
        assert tools.stop.wait(20)
        tools.stop.check(f"{plan.disk.path}: erasing")
        raise AssertionError


def test_one_drive_that_cannot_be_stopped_does_not_keep_the_others_from_it(tmp_path: Path) -> None:
    tools = Tools(FakeRunner({}), tmp_path)
    disks = tuple(disk(f"/dev/sd{letter}") for letter in "abc")
    eraser = SelfEraser(tools, 3)
    jobs = tuple(
        Job(
            disks=(one,),
            offer=EraseOffer("m", eraser, eraser.plans(one, EraseWish())[0]),
            others={},
        )
        for one in disks
    )
    run = UnmarkedRun(wish=EraseWish(at_once=3), tools=tools.tools)
    ended = {one.path: one.detail for one in run.carry_out(jobs)}
    assert ended["/dev/sda"] == "/dev/sda: it came to its end"
    assert ended["/dev/sdb"] == "/dev/sdb: erasing was stopped, as ordered"
    assert tools.stop.left == ("/dev/sda: the drive erases itself",)


class UnmarkedRun(EraseRun):
    """Marks no disks, as there are none."""

    def _prepared(self, disk: BlockDevice) -> tuple[Mark, ...]:
        return ()
