"""Config drives: every form is unpacked, a partition is chosen, and what FAT cannot hold is named."""

from pathlib import Path

import pytest

from agent.disks.partition_table import Partition
from agent.errors import ConfigDriveError
from agent.images.config_drives import config_drive, config_drive_fat
from agent.images.config_drives.iso9660 import IsoFile
from tests.unit.fakes import FakeRunner

ISO = bytes(0x8001) + b"CD001" + bytes(1000)


def part(number: int, size_bytes: int = 1000, name: str = "") -> Partition:
    return Partition(number=number, start_byte=0, size_bytes=size_bytes, name=name)


def test_the_partition_with_the_label_is_chosen_whatever_its_case() -> None:
    assert config_drive.choose_partition([part(1), part(2)], ["", "CONFIG-2"], 10) == part(2)
    assert config_drive.choose_partition([part(1, name="config-2")], [""], 10) is not None
    assert config_drive.choose_partition([part(1)], ["root"], 10) is None


def test_two_labelled_partitions_or_a_small_one_are_errors() -> None:
    with pytest.raises(ConfigDriveError, match=r"1, 2.*all labelled"):
        config_drive.choose_partition([part(1), part(2)], ["config-2", "config-2"], 10)
    with pytest.raises(ConfigDriveError, match="only 1000"):
        config_drive.choose_partition([part(1)], ["config-2"], 2000)


def fat(size_of_sectors: int) -> bytes:
    return (
        b"\xeb\x58\x90mkfs.fat" + size_of_sectors.to_bytes(2, "little") + bytes(497) + b"\x55\xaa"
    )


def test_a_drive_that_can_be_mounted_stays_as_it_is() -> None:
    no_programs = FakeRunner({})
    assert config_drive_fat.suited_to(ISO, 512, no_programs) == ISO
    assert config_drive_fat.suited_to(fat(4096), 4096, no_programs, rebuild=True) == fat(4096)


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["a:b"], "'a:b' cannot exist in FAT"),
        (["tab\there"], "cannot exist in FAT"),
        (["folder./a"], r"'folder\./a' cannot exist in FAT"),
        (
            ["openstack/User", "openstack/user"],
            "'openstack/User' and 'openstack/user' are one name",
        ),
        (["OpenStack/a", "openstack/b"], "'OpenStack' and 'openstack' are one name"),
        (["a", "a"], "'a' cannot be unpacked"),
        (["n" * 300], "cannot be unpacked"),
    ],
)
def test_names_that_fat_cannot_hold_are_named(
    paths: list[str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigDriveError, match=message):
        config_drive_fat.lay_out([IsoFile(path, b"") for path in paths], tmp_path)
