"""A disk that reports errors: the write fails with the disk and the place in the message, and the disk cannot boot."""

import base64
import gzip
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.errors import DiskError
from agent.hardware.devices import BlockDevice
from agent.images.writer import StreamingImageWriter
from agent.protocol.image import ImageInfo
from agent.system.runner import HostRunner
from tests.integration.disk_images import MIB, RawImage, packed, qcow2, run, sha256
from tests.integration.image_server import image_server
from tests.lab.disks.block_nodes import Fault, Node, Operation, faulty_node, file_node
from tests.lab.disks.bootable_image import make_bootable_image
from tests.lab.disks.disk_verdict import Judge
from tests.lab.disks.served_disk import FUSE, served_disk
from tests.lab.tiny_guest import READY

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not FUSE.exists(), reason="needs FUSE: modprobe fuse"),
]
IMAGE_BYTES = 16 * MIB
DISK_BYTES = 96 * MIB
DRIVE_AT = DISK_BYTES - 65 * MIB
"""The config drive's partition of 64 MiB lies before the last, aligned MiB."""
MIDDLE = 9 * MIB + 4096
LARGEST_WRITE_BYTES = 2 * MIB


@pytest.fixture
def raw(tmp_path: Path) -> RawImage:
    file = tmp_path / "image.raw"
    make_bootable_image(file, size_bytes=IMAGE_BYTES, banner=READY, seed=5)
    with file.open("r+b") as content:
        content.seek(8 * MIB)
        content.write(b"no zeros here at all" * (2 * MIB // 20))
    return RawImage(file=file, content=file.read_bytes())


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("older") / "disk"
    make_bootable_image(file, size_bytes=DISK_BYTES, banner=READY, seed=6)
    return file


@pytest.fixture
def disk(older: Path, tmp_path: Path) -> Iterator[Path]:
    """A disk with an older system."""
    file = tmp_path / "disk"
    run("cp", "--sparse=always", str(older), str(file))
    yield file
    file.unlink()


@pytest.fixture
def drive(tmp_path: Path) -> str:
    tree = tmp_path / "drive/openstack/latest"
    tree.mkdir(parents=True)
    (tree / "meta_data.json").write_text('{"hostname": "n1"}')
    iso = tmp_path / "drive.iso"
    run("genisoimage", "-quiet", "-V", "config-2", "-R", "-o", str(iso), str(tmp_path / "drive"))
    return base64.b64encode(gzip.compress(iso.read_bytes())).decode()


def failure(node: Node, folder: Path, content: bytes, drive: str) -> str:
    """Write an image to a disk that fails and return what the writer says, the disk's name replaced."""
    with image_server() as server, served_disk(folder, node) as path:
        device = BlockDevice(
            path=path,
            size_bytes=DISK_BYTES,
            logical_sector_bytes=512,
            physical_sector_bytes=512,
            is_rotational=False,
        )
        image = ImageInfo(id="i", urls=[server.serve("i", content)], checksum=sha256(content))
        with pytest.raises(DiskError) as caught:
            StreamingImageWriter(HostRunner()).write_image(
                image, drive, device, lambda _report: None
            )
        return str(caught.value).replace(f"{path}:", "DISK:")


FORMS: dict[str, Callable[[RawImage], bytes]] = {
    "raw": lambda raw: raw.content,
    "compressed qcow2": lambda raw: qcow2(raw, "-c"),
    "zstd": lambda raw: packed(raw.content, "zstd"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_write_error_in_the_middle_is_named_and_nothing_boots(
    form: str, disk: Path, raw: RawImage, drive: str, tmp_path: Path
) -> None:
    node = faulty_node(disk, [Fault(operation=Operation.WRITE, sector=MIDDLE // 512)])
    said = failure(node, tmp_path, FORMS[form](raw), drive)
    found = re.fullmatch(r"DISK: write at byte (\d+): Input/output error; .+", said)
    assert found, said
    assert MIDDLE - LARGEST_WRITE_BYTES < int(found[1]) <= MIDDLE
    assert_blank(disk)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(operation=Operation.FLUSH), "flush"),
        (Fault(operation=Operation.WRITE, sector=DRIVE_AT // 512 + 1), "write.* at byte"),
    ],
    ids=["flush", "write of the config drive"],
)
def test_an_error_after_the_data_is_named_and_nothing_boots(
    fault: Fault, said: str, disk: Path, raw: RawImage, drive: str, tmp_path: Path
) -> None:
    message = failure(faulty_node(disk, [fault]), tmp_path, raw.content, drive)
    assert re.match(f"DISK: {said}.*: Input/output error", message)
    assert_blank(disk)


def test_a_first_sector_that_cannot_be_written_is_named_and_nothing_boots(
    disk: Path, raw: RawImage, drive: str, tmp_path: Path
) -> None:
    with disk.open("r+b") as file:
        file.write(bytes(512))
    node = faulty_node(disk, [Fault(operation=Operation.WRITE, sector=0)])
    message = failure(node, tmp_path, raw.content, drive)
    assert re.match(r"DISK: write.* at byte 0: Input/output error", message)
    assert disk.read_bytes()[:512] == bytes(512)


def test_a_disk_that_fills_up_is_named_and_nothing_boots(
    disk: Path, raw: RawImage, drive: str, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(small))
    try:
        with (small / "disk").open("wb") as file:
            file.truncate(DISK_BYTES)
        message = failure(file_node(small / "disk"), tmp_path, raw.content, drive)
        assert re.match(r"DISK: write.* at byte \d+: (No space left|Input/output error)", message)
        assert_blank(small / "disk")
    finally:
        run("umount", str(small))


def assert_blank(disk: Path) -> None:
    content = disk.read_bytes()
    assert Judge(older=content, finished=content).is_blank(content)
