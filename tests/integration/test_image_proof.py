"""What is on the disk is read back and compared before the disk can boot; the receipt says how."""

import os
import re
from collections.abc import Callable, Sequence

import pytest

from agent.errors import DiskError
from agent.images.preparation import WriterSettings
from agent.images.proof.witness import Verification
from agent.images.writer import StreamingImageWriter
from agent.protocol.commands import Progress
from agent.protocol.image import ImageInfo
from agent.protocol.receipt import Receipt
from agent.system.runner import HostRunner
from tests.integration.disk_images import MIB, RawImage, packed, qcow2, sha256
from tests.integration.image_server import ImageServer
from tests.integration.loop_disk import LoopDisk

pytestmark = pytest.mark.root


def write(
    disk: LoopDisk,
    url: str,
    content: bytes,
    verify: Verification,
    *,
    given_up: Sequence[str] = (),
    at_read_back: Callable[[], object] = lambda: None,
) -> tuple[Receipt, list[Progress]]:
    """Write an image; ``given_up`` are URLs that come first; ``at_read_back`` runs when everything is written and flushed."""
    reports: list[Progress] = []

    def listen(progress: Progress) -> None:
        reports.append(progress)
        if progress.phase == "read back" and progress.bytes_done == 0:
            at_read_back()

    image = ImageInfo(id="image", urls=[*given_up, url], checksum=sha256(content))
    writer = StreamingImageWriter(HostRunner(), WriterSettings(verify=verify))
    written = writer.write_image(image, None, disk.device(), listen)
    assert written.receipt is not None
    return written.receipt, reports


def corrupt(disk: LoopDisk, start_byte: int, size_bytes: int) -> None:
    """Flip bits behind the kernel's back, as a faulty drive does."""
    with disk.file.open("r+b") as file:
        file.seek(start_byte)
        data = bytes(byte ^ 0xFF for byte in file.read(size_bytes))
        file.seek(start_byte)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def assert_unbootable(disk: LoopDisk) -> None:
    assert disk.read(0, MIB) == bytes(MIB)


@pytest.mark.parametrize("kind", ["raw", "qcow2", "zlib clusters", "zstd"])
def test_the_whole_is_compared(
    server: ImageServer, disk: LoopDisk, raw: RawImage, kind: str
) -> None:
    made = {
        "raw": lambda: raw.content,
        "qcow2": lambda: qcow2(raw),
        "zlib clusters": lambda: qcow2(raw, "-c"),
        "zstd": lambda: packed(raw.content, "zstd"),
    }
    content = made[kind]()
    server.serve("image", content)
    receipt, reports = write(disk, server.url("image"), content, Verification.WHOLE)
    end = len(raw.content) - 34 * 512
    assert disk.read(MIB, end - MIB) == raw.content[MIB:end]
    assert receipt.verified == "whole"
    image_end = len(raw.content) + -len(raw.content) % 512
    assert len(raw.content) - MIB <= receipt.compared_bytes <= image_end - MIB
    assert receipt.image == server.url("image")
    assert receipt.digest == f"sha256:{sha256(content)}"
    assert (receipt.image_bytes, receipt.content_bytes) == (len(content), len(raw.content))
    whole = receipt.written_bytes + receipt.zeroed_bytes
    assert whole == pytest.approx(len(raw.content), abs=65536)
    assert [one.phase for one in receipt.phases] == [
        "connect",
        "write",
        "verify",
        "flush",
        "read back",
    ]
    last = [report for report in reports if report.phase == "flush"][-1]
    assert last.disk_bytes_done == whole


def test_a_byte_that_went_wrong_anywhere_is_found_in_the_whole(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    server.serve("image", raw.content)
    for wrong in (MIB, 7 * MIB + 3, len(raw.content) - 1):
        with pytest.raises(DiskError) as caught:
            write(
                disk,
                server.url("image"),
                raw.content,
                Verification.WHOLE,
                at_read_back=lambda wrong=wrong: corrupt(disk, wrong, 1),  # type: ignore[misc]  # bound now
            )
        text = str(caught.value)
        assert str(disk.path) in text
        exact = re.search(r": byte (\d+) reads back differently", text)
        block = re.search(r": one of the (\d+) bytes from byte (\d+) on reads back", text)
        if exact:
            assert int(exact[1]) == wrong
        else:
            assert block
            start, size = int(block[2]), int(block[1])
            assert start <= wrong < start + size
            assert size <= 256 << 10
        assert_unbootable(disk)


def test_a_sample_names_the_byte_and_the_disk_stays_unbootable(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    content = raw.content[:MIB] + os.urandom(7 * MIB)
    server.serve("image", content)
    with pytest.raises(DiskError) as caught:
        # a slice of each of the 7 writes is in the sample, wherever it lies
        write(
            disk,
            server.url("image"),
            content,
            Verification.SAMPLE,
            at_read_back=lambda: corrupt(disk, MIB, 7 * MIB),
        )
    named = re.match(rf"{disk.path}: byte (\d+) reads back differently", str(caught.value))
    assert named
    assert MIB <= int(named[1]) < 2 * MIB
    assert_unbootable(disk)


def test_zeros_that_did_not_become_zeros_are_found(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    content = raw.content[:MIB] + os.urandom(MIB) + bytes(8 * MIB)
    server.serve("image", content)
    with pytest.raises(DiskError, match=f": byte {5 * MIB + 77} reads back differently"):
        write(
            disk,
            server.url("image"),
            content,
            Verification.WHOLE,
            at_read_back=lambda: corrupt(disk, 5 * MIB + 77, 5),
        )
    assert_unbootable(disk)


def test_nothing_is_compared_when_nothing_is_wanted(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    server.serve("image", raw.content)
    receipt, reports = write(disk, server.url("image"), raw.content, Verification.NONE)
    assert (receipt.verified, receipt.compared_bytes) == ("none", 0)
    assert "read back" not in {report.phase for report in reports}


def test_the_receipt_has_no_secret_and_names_the_disk(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    server.serve("image", raw.content)
    url = server.url("image").replace("http://", "http://me:secret@") + "?signature=secret"
    receipt, _ = write(disk, url, raw.content, Verification.SAMPLE)
    assert "secret" not in repr(receipt)
    assert receipt.image.startswith("http://127.0.0.1")
    assert receipt.disk == str(disk.path)
    assert receipt.format == "raw"
    assert 0 < receipt.compared_bytes <= 80 * 32768
    assert receipt.seconds > 0
    assert receipt.rate_bytes_per_s == pytest.approx(
        receipt.content_bytes / receipt.seconds, rel=0.01
    )


def test_the_receipt_names_the_address_that_the_image_came_from_and_not_the_first_of_the_list(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    gone = server.serve("gone", b"", statuses=[404])
    url = server.serve("image", raw.content)
    receipt, _ = write(disk, url, raw.content, Verification.NONE, given_up=[gone])
    assert receipt.image == url
