from pathlib import Path

import pytest

from agent.errors import DiskInUse
from agent.hardware.reading import RootDiskChoice
from agent.hardware.root_disk import told_in_errors, why
from tests.unit.fakes import disk

CHOICE = RootDiskChoice(
    disk=disk("/dev/sda"),
    reasons={
        Path("/dev/sda"): "taken: the smallest disk",
        Path("/dev/sdb"): "is larger than /dev/sda",
    },
)


def test_an_error_of_the_chosen_disk_says_why_it_was_this_one() -> None:
    with pytest.raises(DiskInUse) as caught, told_in_errors(CHOICE):
        raise DiskInUse("/dev/sda: mounted on /srv")
    assert str(caught.value) == (
        "/dev/sda: mounted on /srv (/dev/sda was taken: the smallest disk; /dev/sdb is larger than /dev/sda)"
    )


def test_of_very_many_disks_some_are_told() -> None:
    reasons = {Path(f"/dev/sd{number}"): "is larger" for number in range(60)}
    told = why(RootDiskChoice(disk=disk("/dev/sd0"), reasons=reasons))
    assert told.endswith("; 51 more disks")
    assert len(told) < 300
