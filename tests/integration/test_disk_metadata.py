"""Erasing metadata leaves nothing to recognise, refuses what must not be touched, and proves it."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from agent.disks.open_disk import OpenDisk
from agent.disks.release import StackReleaser
from agent.errors import DiskInUse, EraseError, InvalidRequest
from agent.hardware.capabilities import HardwareManager, Support
from agent.hardware.devices import BlockDevice
from agent.hardware.erasing import MetadataEvidence
from agent.hardware.registry import Hardware
from agent.system.runner import HostRunner
from hardware_managers.generic.metadata_eraser import MetadataWiper
from hardware_managers.generic.steps import erase_devices_metadata
from tests.integration.disk_images import MIB, run
from tests.integration.loop_disk import NOISE, LoopDisk, loop_disk
from tests.unit.fakes import Tools

pytestmark = pytest.mark.root
DISK_BYTES = 96 * MIB


@pytest.fixture(params=[512, 4096])
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[LoopDisk]:
    with loop_disk(tmp_path, DISK_BYTES, sector_bytes=request.param, noise=False) as made:
        yield made


class OneDisk:
    """Lists one loop device and no disk of this machine."""

    def __init__(self, disk: BlockDevice) -> None:
        self._disk = disk

    def list_disks(self) -> tuple[BlockDevice, ...]:
        return (self._disk,)


def erase(disk: LoopDisk) -> MetadataEvidence:
    wiper = MetadataWiper(HostRunner())
    return wiper.erase_metadata(disk.device(), lambda _report: None, wipe_shared=False)


def run_step(
    disk: LoopDisk, driver_info: dict[str, Any], device: BlockDevice | None = None
) -> dict[str, str]:
    """Run the clean step as the agent does for a node with this ``driver_info``."""
    manager = HardwareManager(
        name="one disk",
        version="1",
        support=Support.GENERIC,
        disk_lister=OneDisk(device or disk.device()),
        disk_releaser=StackReleaser(HostRunner()),
        metadata_eraser=MetadataWiper(HostRunner()),
    )
    with tempfile.TemporaryDirectory() as folder:
        tools = Tools(HostRunner(), Path(folder))
        context = tools.context(Hardware([manager]), {"driver_info": driver_info})
        return erase_devices_metadata(context)


def patch(disk: LoopDisk, start_byte: int, data: bytes) -> None:
    with OpenDisk(disk.path) as handle:
        base = start_byte - start_byte % disk.sector_bytes
        whole = min(2 * disk.sector_bytes, handle.size_bytes - base)
        old = bytearray(handle.read(base, whole))
        old[start_byte - base : start_byte - base + len(data)] = data
        handle.write_bytes(old, base)
        handle.flush()


def assert_clean(disk: LoopDisk, *starts: int) -> None:
    assert disk.run("wipefs", "--no-act") == ""
    for start in (0, *starts):
        assert disk.read(start, MIB) == bytes(MIB)
    assert disk.read(DISK_BYTES - MIB, MIB) == bytes(MIB)


def test_partitions_and_the_filesystems_inside_are_gone(disk: LoopDisk) -> None:
    disk.run("sgdisk", "-n", "1:1M:+32M", "-n", "2:0:+32M")
    starts = [MIB, 33 * MIB]
    with OpenDisk(disk.path) as handle:
        label = b"LABELONE" + (1).to_bytes(8, "little") + bytes(8) + b"LVM2 001"
        handle.write_bytes(bytes(512) + label + bytes(3552), starts[0])
        handle.write_bytes(bytes(4086) + b"SWAPSPACE2", starts[1])
    evidence = erase(disk)
    assert "2 partitions" in evidence.detail
    assert evidence.method == "metadata"
    assert_clean(disk, *starts)


@pytest.mark.parametrize(
    "maker", [("mkfs.ext4", "-q"), ("mkfs.vfat", "-I"), ("mkswap",)], ids=lambda maker: maker[0]
)
def test_a_filesystem_on_the_whole_disk_is_gone(maker: tuple[str, ...], disk: LoopDisk) -> None:
    disk.run(*maker)
    assert disk.run("wipefs", "--no-act") != ""
    erase(disk)
    assert_clean(disk)


def test_a_raid_superblock_at_the_end_is_gone(disk: LoopDisk) -> None:
    patch(
        disk, DISK_BYTES - 65536, (0xA92B4EFC).to_bytes(4, "little") + (0).to_bytes(4, "little") * 2
    )
    erase(disk)
    assert_clean(disk)


def test_a_hidden_second_luks_header_is_gone(disk: LoopDisk) -> None:
    disk.run("sgdisk", "-n", "1:1M:+64M")
    patch(disk, 5 * MIB, b"SKUL\xba\xbe\x00\x02")
    erase(disk)
    assert disk.read(5 * MIB, 8) == bytes(8)


def test_a_damaged_partition_table_does_not_stand_in_the_way(disk: LoopDisk) -> None:
    disk.run("sgdisk", "-n", "1:1M:+32M")
    patch(disk, disk.sector_bytes + 40, b"\xff\xff")
    erase(disk)
    assert_clean(disk)


def test_data_between_the_edges_is_left_alone(tmp_path: Path) -> None:
    with loop_disk(tmp_path, DISK_BYTES) as disk:
        erase(disk)
        assert disk.read(40 * MIB, MIB) == (NOISE * 41)[40 * MIB % len(NOISE) :][:MIB]


def test_erasing_twice_finds_nothing_and_succeeds(disk: LoopDisk) -> None:
    disk.run("sgdisk", "-n", "1:1M:+32M")
    erase(disk)
    assert "0 partitions" in erase(disk).detail


def test_a_mounted_disk_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    with loop_disk(tmp_path, DISK_BYTES, noise=False) as disk:
        disk.run("mkfs.ext4", "-q")
        place = tmp_path / "mounted"
        place.mkdir()
        run("mount", str(disk.path), str(place))
        try:
            with pytest.raises(DiskInUse, match=f"mounted on {place}"):
                erase(disk)
        finally:
            run("umount", str(place))
        assert "ext4" in disk.run("wipefs", "--no-act")


def test_swap_in_use_is_refused(tmp_path: Path) -> None:
    with loop_disk(tmp_path, DISK_BYTES, noise=False) as disk:
        disk.run("mkswap")
        try:
            disk.run("swapon")
        except Exception as error:  # noqa: BLE001  # some kernels have no swap at all
            pytest.skip(f"this kernel takes no swap: {error}")
        try:
            with pytest.raises(DiskInUse, match="is swap space"):
                erase(disk)
        finally:
            disk.run("swapoff")


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("-t", "1:AA31E02A-400F-11DB-9590-000C2911D1B8"), "VMFS"),
        (("-t", "1:37AFFC90-EF7D-4E96-91C3-2D7AE055B174"), "GPFS"),
    ],
)
def test_a_shared_filesystem_is_refused_unless_told_otherwise(
    arguments: tuple[str, ...], name: str, disk: LoopDisk
) -> None:
    disk.run("sgdisk", "-n", "1:1M:+32M", *arguments)
    advice = rf"{name}.*driver_info\.wipe_special_filesystems to true"
    for driver_info in ({}, {"wipe_special_filesystems": False}):
        with pytest.raises(EraseError, match=advice):
            run_step(disk, driver_info)
        assert len(disk.partition_lines()) == 1
    with pytest.raises(InvalidRequest, match=r"wipe_special_filesystems: 'perhaps' is neither"):
        run_step(disk, {"wipe_special_filesystems": "perhaps"})
    run_step(disk, {"wipe_special_filesystems": True})
    assert_clean(disk)


def test_a_gfs2_superblock_in_a_partition_is_refused(disk: LoopDisk) -> None:
    disk.run("sgdisk", "-n", "1:1M:+32M")
    patch(disk, MIB + 0x10000, bytes.fromhex("01161970"))
    with pytest.raises(EraseError, match="GFS2"):
        erase(disk)


def test_a_damaged_gpt_does_not_hide_a_shared_filesystem(disk: LoopDisk) -> None:
    disk.run("sgdisk", "-n", "1:1M:+32M", "-t", "1:AA31E02A-400F-11DB-9590-000C2911D1B8")
    lose_the_beginning(disk)
    with pytest.raises(EraseError, match="VMFS in partition 1"):
        erase(disk)


def lose_the_beginning(disk: LoopDisk) -> None:
    with OpenDisk(disk.path) as handle:
        handle.zero(0, 256 << 10)


def test_a_partition_table_of_another_kind_counts_for_more_than_an_old_backup(
    disk: LoopDisk,
) -> None:
    disk.run("sgdisk", "-n", "1:1M:+32M", "-t", "1:AA31E02A-400F-11DB-9590-000C2911D1B8")
    lose_the_beginning(disk)
    run("sfdisk", "--quiet", str(disk.path), stdin=b"label: dos\nsize=4MiB, type=83\n")
    erase(disk)
    assert_clean(disk)


def test_a_loop_device_over_the_disk_is_named(disk: LoopDisk) -> None:
    over = run("losetup", "--find", "--show", str(disk.path)).decode().strip()
    try:
        with pytest.raises(DiskInUse, match=f"{disk.path.name} is behind {Path(over).name}"):
            erase(disk)
        released = StackReleaser(HostRunner()).release([disk.path])
        assert len(released) == 1
        assert Path(over).name in released[0]
    except BaseException:
        run("losetup", "--detach", over)
        raise
    erase(disk)


def test_a_loop_device_over_a_file_on_the_disk_means_that_it_is_mounted(tmp_path: Path) -> None:
    with loop_disk(tmp_path, DISK_BYTES, noise=False) as disk:
        disk.run("mkfs.ext4", "-q")
        place = tmp_path / "mounted"
        place.mkdir()
        run("mount", str(disk.path), str(place))
        try:
            with pytest.raises(DiskInUse, match=f"mounted on {place}"):
                StackReleaser(HostRunner()).release([disk.path])
        finally:
            run("umount", str(place))


def test_a_program_that_has_the_disk_open_for_writing_is_named(disk: LoopDisk) -> None:
    with (
        holding(disk, "wb") as holder,
        pytest.raises(DiskInUse, match=rf"is open in sleep \(process {holder}\)"),
    ):
        erase(disk)
    with holding(disk, "rb"):
        erase(disk)


@contextmanager
def holding(disk: LoopDisk, mode: Literal["rb", "wb"]) -> Iterator[int]:
    """Have a program hold the disk open; yields its number."""
    with (
        disk.path.open(mode) as file,
        subprocess.Popen(["sleep", "600"], stdin=file) as holder,
    ):
        file.close()
        yield holder.pid
        holder.kill()


def test_a_lun_with_two_paths_is_erased_by_one_after_the_other(tmp_path: Path) -> None:
    with loop_disk(tmp_path, DISK_BYTES, noise=False) as disk:
        other = run("losetup", "--find", "--show", str(disk.file)).decode().strip()
        try:
            disk.run("sgdisk", "-n", "1:1M:+32M")
            lun = replace(disk.device(), paths=(Path(other),))
            done = run_step(disk, {}, lun)
            assert list(done) == [str(disk.path)]
            assert f"nothing on {other}" in done[str(disk.path)]
        finally:
            run("losetup", "--detach", other)
