"""Who holds the disk is found before the first write; when the disk can boot, nothing fails the write any more."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.disks.open_disk import OpenDisk
from agent.errors import DiskInUse, ImageError
from agent.images.preparation import WriterSettings
from agent.images.writer import StreamingImageWriter
from agent.protocol.receipt import Receipt
from agent.system.runner import HostRunner
from tests.integration.disk_images import RawImage, mbr_image, qcow2, run
from tests.integration.image_server import ImageServer, image_server
from tests.integration.image_writing import (
    assert_unbootable,
    assert_untouched,
    described,
)
from tests.integration.loop_disk import DISK_BYTES, LoopDisk, loop_disk

pytestmark = pytest.mark.root


@pytest.fixture
def server() -> Iterator[ImageServer]:
    with image_server() as running:
        yield running


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LoopDisk]:
    with loop_disk(tmp_path, DISK_BYTES) as made:
        yield made


@pytest.fixture
def raw(tmp_path: Path) -> RawImage:
    return mbr_image(tmp_path)


def write(
    server: ImageServer, disk: LoopDisk, content: bytes, disk_format: str = "", **rules: object
) -> Receipt:
    settings = WriterSettings(**rules)  # type: ignore[arg-type]  # test's own words
    image = described(content, server.serve("image", content), disk_format=disk_format)
    written = StreamingImageWriter(HostRunner(), settings).write_image(
        image, None, disk.device(), lambda _report: None
    )
    assert written.receipt is not None
    return written.receipt


def refuse_the_reread(monkeypatch: pytest.MonkeyPatch, turn: int) -> None:
    """Have the kernel refuse to re-read the partition table at one of its turns.

    The loop devices of some hosts have no partitions that could be held; a virtual machine shows the real thing
    (tests/e2e/test_disks_of_an_older_system.py).
    """
    real, turns = OpenDisk.reread_partitions, iter(range(9))

    def reread(self: OpenDisk) -> bool:
        if next(turns) == turn:
            raise DiskInUse(f"{self.path}: a partition is in use")
        return real(self)

    monkeypatch.setattr(OpenDisk, "reread_partitions", reread)


def test_a_partition_that_is_held_before_the_first_write_costs_nothing(
    server: ImageServer, disk: LoopDisk, raw: RawImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_the_reread(monkeypatch, 0)
    with pytest.raises(DiskInUse):
        write(server, disk, raw.content)
    assert_untouched(disk)


def test_a_partition_that_is_taken_hold_of_at_the_last_moment_leaves_a_disk_that_cannot_boot(
    server: ImageServer, disk: LoopDisk, raw: RawImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_the_reread(monkeypatch, 1)
    with pytest.raises(DiskInUse):
        write(server, disk, raw.content)
    assert_unbootable(disk)


def test_a_kernel_that_does_not_look_at_the_complete_disk_is_a_warning_in_the_receipt(
    server: ImageServer, disk: LoopDisk, raw: RawImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_the_reread(monkeypatch, 2)
    receipt = write(server, disk, raw.content)
    (warning,) = receipt.warnings
    assert "the disk is complete" in warning
    assert "a partition is in use" in warning
    assert_written_mbr(disk, raw)


def assert_written_mbr(disk: LoopDisk, raw: RawImage) -> None:
    assert disk.read(0, len(raw.content)) == raw.content


def test_a_loop_device_over_the_disk_is_found_before_the_first_write(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    over = run("losetup", "--find", "--show", str(disk.path)).decode().strip()
    try:
        with pytest.raises(DiskInUse, match=f"is behind {Path(over).name}"):
            write(server, disk, raw.content)
        assert_untouched(disk)
    finally:
        run("losetup", "--detach", over)
    assert write(server, disk, raw.content).warnings == ()


def test_a_format_that_the_controller_does_not_permit_is_refused_before_the_first_write(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    packed = qcow2(raw)
    with pytest.raises(
        ImageError, match="its content is qcow2, but the controller permits raw only"
    ):
        write(server, disk, packed, formats=("raw",))
    with pytest.raises(ImageError, match="permits no format only"):
        write(server, disk, raw.content, formats=())
    assert_untouched(disk)
    write(
        server, disk, raw.content, "raw", formats=()
    )  # as Ironic's agent: what is said to be raw is not looked at


def test_without_deep_inspection_nothing_is_compared_with_what_was_said_of_the_format(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    packed = qcow2(raw)
    with pytest.raises(ImageError, match="disk_format says raw"):
        write(server, disk, packed, "raw")
    assert_untouched(disk)
    write(server, disk, packed, "raw", formats=None)
    assert_written_mbr(disk, raw)
