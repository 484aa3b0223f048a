"""What the generic steps do about a stop, without a disk."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import Stopped
from agent.hardware.devices import BlockDevice
from agent.hardware.erasing import MetadataEvidence
from agent.hardware.registry import Hardware
from agent.hardware.tools import ProgressSink
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
