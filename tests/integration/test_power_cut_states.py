"""A power cut at any moment of a write leaves the older system, a disk that cannot boot, or exactly the image.

A real disk may lose anything that was written after the last flush. One write is logged under the disk; from the log every
kind of disk that a power cut could have left is made and judged.
"""

import base64
import gzip
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.hardware.devices import BlockDevice
from agent.images.writer import StreamingImageWriter
from agent.protocol.image import ImageInfo
from agent.system.runner import HostRunner
from tests.integration.disk_images import MIB, RawImage, mbr_image, packed, qcow2, run, sha256
from tests.integration.image_server import image_server
from tests.integration.loop_disk import NOISE
from tests.lab.disks.block_nodes import logged_node
from tests.lab.disks.bootable_image import make_bootable_image
from tests.lab.disks.crash_states import judge_all
from tests.lab.disks.disk_verdict import Judge, Verdict
from tests.lab.disks.served_disk import FUSE, served_disk
from tests.lab.disks.write_log import read_epochs
from tests.lab.tiny_guest import READY

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not FUSE.exists(), reason="needs FUSE: modprobe fuse"),
]
log = logging.getLogger(__name__)
SAMPLES = 150
IMAGE_BYTES = 8 * MIB
DISK_BYTES = 80 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is written to what."""

    image: Callable[[RawImage], bytes]
    disk_bytes: int = DISK_BYTES
    is_mbr: bool = False
    has_drive: bool = True


CASES = {
    "raw": Case(image=lambda raw: raw.content),
    "compressed qcow2": Case(image=lambda raw: qcow2(raw, "-c")),
    "gzip": Case(image=lambda raw: packed(raw.content, "gzip")),
    "MBR": Case(image=lambda raw: raw.content, is_mbr=True),
    "as large as the disk": Case(
        image=lambda raw: raw.content, disk_bytes=IMAGE_BYTES, has_drive=False
    ),
}


@pytest.fixture
def drive(tmp_path: Path) -> str:
    tree = tmp_path / "drive/openstack/latest"
    tree.mkdir(parents=True)
    (tree / "meta_data.json").write_text('{"hostname": "n1"}')
    iso = tmp_path / "drive.iso"
    run("genisoimage", "-quiet", "-V", "config-2", "-R", "-o", str(iso), str(tmp_path / "drive"))
    return base64.b64encode(gzip.compress(iso.read_bytes())).decode()


@pytest.fixture
def older(tmp_path: Path) -> Iterator[Path]:
    """A disk with an older system: noise under a GPT with boot code."""
    disk = tmp_path / "disk"
    disk.write_bytes((NOISE * (DISK_BYTES // len(NOISE) + 1))[:DISK_BYTES])
    yield disk
    disk.unlink()


def make_image(folder: Path, case: Case) -> RawImage:
    if case.is_mbr:
        return mbr_image(folder, partitions=2, size_bytes=12 * MIB)
    file = folder / "image.raw"
    make_bootable_image(file, size_bytes=IMAGE_BYTES, banner=READY, seed=3)
    return RawImage(file=file, content=file.read_bytes())


def write_logged(older: Path, content: bytes, drive: str | None) -> memoryview:
    """Write an image to the disk and return the log of what reached it."""
    log = older.with_name("log")
    log.touch()
    with image_server() as server, served_disk(older.parent, logged_node(older, log)) as path:
        device = BlockDevice(
            path=path,
            size_bytes=older.stat().st_size,
            logical_sector_bytes=512,
            physical_sector_bytes=512,
            is_rotational=False,
        )
        image = ImageInfo(id="i", urls=[server.serve("i", content)], checksum=sha256(content))
        StreamingImageWriter(HostRunner()).write_image(image, drive, device, lambda _report: None)
    return memoryview(log.read_bytes())


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_no_state_of_the_disk_can_boot_and_differ_from_the_image(
    case: Case, older: Path, drive: str, tmp_path: Path
) -> None:
    with older.open("r+b") as file:
        file.truncate(case.disk_bytes)
    run("sgdisk", "--clear", "-n", "1:1M:0", str(older))
    before = older.read_bytes()
    raw = make_image(tmp_path, case)
    written = write_logged(older, case.image(raw), drive if case.has_drive else None)
    finished = older.read_bytes()
    assert finished[MIB : 7 * MIB] == raw.content[MIB : 7 * MIB]

    judge = Judge(older=before, finished=finished)
    counts = judge_all(read_epochs(written), judge, samples=SAMPLES, seed=7)

    total = sum(counts, Counter())
    log.info("%d states: %s", total.total(), dict(total))
    assert total[Verdict.BROKEN] == 0, counts
    assert counts[0].keys() <= {Verdict.OLDER, Verdict.BLANK}
    assert all(Verdict.OLDER not in count for count in counts[1:]), "wiped before anything else"
    assert counts[1].keys() == {Verdict.BLANK}, "the data comes while nothing can boot"
    assert counts[-1] == {Verdict.COMPLETE: 1}, "the log is complete and ends with a flush"
    assert total.total() > 1000
