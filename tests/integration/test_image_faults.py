"""An image or a disk that is not what it should be ends with a clear error and a disk that cannot boot."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.errors import DiskError, DiskInUse, ImageError, NotFound
from agent.hardware.devices import BlockDevice
from agent.protocol.image import ImageInfo
from tests.integration.disk_images import (
    MIB,
    WRITE_PROGRAM,
    RawImage,
    gpt_image,
    packed,
    qcow2,
    run,
    sha256,
)
from tests.integration.image_server import ImageServer
from tests.integration.image_writing import (
    assert_unbootable,
    assert_untouched,
    assert_written,
    described,
    write,
)
from tests.integration.loop_disk import DISK_BYTES, LoopDisk, loop_disk

pytestmark = pytest.mark.root


@pytest.mark.parametrize("kind", ["raw", "qcow2", "zstd"])
def test_a_wrong_checksum_leaves_a_disk_that_cannot_boot(
    kind: str, server: ImageServer, disk: LoopDisk, raw: RawImage, packed_qcow2: bytes
) -> None:
    content = {"raw": raw.content, "qcow2": packed_qcow2, "zstd": packed(raw.content, "zstd")}[kind]
    url = server.serve("i", content)
    with pytest.raises(ImageError, match=rf"sha256 is {sha256(content)}, expected was {'0' * 64}"):
        write(disk.device(), described(content, url, checksum="0" * 64))
    assert_unbootable(disk)


def test_an_image_without_a_checksum_is_refused_before_anything_is_written(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    url = server.serve("i", raw.content)
    with pytest.raises(ImageError, match=r"no checksum.*image_os_hash"):
        write(disk.device(), ImageInfo(id="image", urls=[url]))
    assert_untouched(disk)


@pytest.mark.parametrize("kind", ["raw", "qcow2"])
def test_an_image_larger_than_the_disk_is_refused_before_anything_is_written(
    kind: str, server: ImageServer, disk: LoopDisk, tmp_path: Path
) -> None:
    large = gpt_image(tmp_path, size_bytes=DISK_BYTES + MIB)
    content = large.content if kind == "raw" else qcow2(large)
    url = server.serve("i", content)
    with pytest.raises(ImageError, match=f"needs {DISK_BYTES + MIB} bytes.*has {DISK_BYTES}"):
        write(disk.device(), described(content, url))
    assert_untouched(disk)


def test_a_format_that_was_not_announced_is_refused(
    server: ImageServer, disk: LoopDisk, packed_qcow2: bytes
) -> None:
    url = server.serve("i", packed_qcow2)
    with pytest.raises(ImageError, match="its content is qcow2, but disk_format says raw"):
        write(disk.device(), described(packed_qcow2, url, disk_format="raw"))
    assert_untouched(disk)


def test_a_qcow2_image_with_a_backing_file_is_refused(
    server: ImageServer, disk: LoopDisk, raw: RawImage, tmp_path: Path
) -> None:
    overlay = tmp_path / "overlay.qcow2"
    run("qemu-img", "create", "-q", "-f", "qcow2", "-b", str(raw.file), "-F", "raw", str(overlay))
    url = server.serve("i", overlay.read_bytes())
    with pytest.raises(ImageError, match="backing file"):
        write(disk.device(), described(overlay.read_bytes(), url))
    assert_untouched(disk)


def test_a_mounted_disk_is_refused_with_the_mount_point(
    server: ImageServer, raw: RawImage, tmp_path: Path
) -> None:
    url = server.serve("i", raw.content)
    place = tmp_path / "mounted"
    place.mkdir()
    with loop_disk(tmp_path, DISK_BYTES, noise=False) as disk:
        disk.run("mkfs.ext4", "-q")
        run("mount", str(disk.path), str(place))
        try:
            with pytest.raises(DiskInUse, match=f"mounted on {place}"):
                write(disk.device(), described(raw.content, url))
        finally:
            run("umount", str(place))


def test_a_file_is_no_disk(server: ImageServer, raw: RawImage, disk: LoopDisk) -> None:
    url = server.serve("i", raw.content)
    device = BlockDevice(
        path=disk.file,
        size_bytes=DISK_BYTES,
        logical_sector_bytes=512,
        physical_sector_bytes=512,
        is_rotational=False,
    )
    with pytest.raises(NotFound, match="not a block device"):
        write(device, described(raw.content, url))
    assert_untouched(disk)


def test_a_write_protected_disk_is_refused_by_name(
    server: ImageServer, raw: RawImage, tmp_path: Path
) -> None:
    url = server.serve("i", raw.content)
    with loop_disk(tmp_path, DISK_BYTES) as disk:
        disk.run("blockdev", "--setro")
        try:
            with pytest.raises(DiskError, match=f"{disk.path}.*write-protected"):
                write(disk.device(), described(raw.content, url))
        finally:
            disk.run("blockdev", "--setrw")  # outlives the loop device otherwise
        assert_untouched(disk)


def test_a_disk_that_fails_in_the_middle_is_named_with_the_place(
    server: ImageServer, raw: RawImage, tmp_path: Path
) -> None:
    url = server.serve("i", raw.content)
    place = tmp_path / "small"
    place.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place))
    try:
        with loop_disk(place, DISK_BYTES, noise=False) as disk:
            with pytest.raises(
                DiskError, match=rf"{disk.path}: [\w ]+ at byte \d+|{disk.path}: flush"
            ):
                write(disk.device(), described(raw.content, url))
            assert disk.read(0, MIB) == bytes(MIB)
    finally:
        run("umount", str(place))


def test_an_agent_that_is_killed_in_the_middle_leaves_a_disk_that_cannot_boot(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    disk.run("sgdisk", "--zap-all")
    disk.run("sgdisk", "-n", "1:1M:+8M")
    url = server.serve("i", raw.content, stalls=[20 * MIB])
    arguments = (url, sha256(raw.content), str(disk.path), str(disk.size_bytes))
    child = subprocess.Popen([sys.executable, "-c", WRITE_PROGRAM, *arguments])
    try:
        deadline = time.monotonic() + 30
        while disk.read(8 * MIB, MIB) != raw.content[8 * MIB : 9 * MIB]:
            assert time.monotonic() < deadline
            assert child.poll() is None
            time.sleep(0.05)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    run("blockdev", "--flushbufs", str(disk.path))
    assert_unbootable(disk)
    server.serve("i", raw.content)
    write(disk.device(), described(raw.content, url))
    assert_written(disk, raw)
