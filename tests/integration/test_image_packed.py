"""Images in gzip, xz, zstd and bzip2 are written byte for byte, or refused with what is wrong."""

from pathlib import Path

import pytest

from agent.errors import ImageError
from agent.images.writer import StreamingImageWriter
from agent.protocol.image import ImageInfo
from agent.system.runner import HostRunner
from tests.integration.disk_images import MIB, gpt_image, packed, qcow2, sha256
from tests.integration.image_server import ImageServer
from tests.integration.image_writing import assert_holds, write_it
from tests.integration.loop_disk import DISK_BYTES, LoopDisk

pytestmark = pytest.mark.root
KINDS = (
    "gzip",
    "zstd",
    "xz -T0",
    pytest.param("xz", marks=pytest.mark.long),
    pytest.param("bzip2", marks=pytest.mark.long),
)
"""Every packer is tried by the first test; where only what is around it differs, the slow ones wait for ``make test-long``."""


@pytest.mark.parametrize("kind", ["gzip", "xz", "zstd", "bzip2", "xz -T0"])
def test_a_compressed_raw_image_is_written_exactly(
    kind: str, server: ImageServer, disk: LoopDisk, tmp_path: Path
) -> None:
    raw = gpt_image(tmp_path)
    write_it(server, disk, packed(raw.content, kind))
    assert_holds(disk, raw.content)


@pytest.mark.parametrize("options", [(), ("-c",), ("-o", "cluster_size=4096")], ids=" ".join)
@pytest.mark.parametrize("kind", KINDS)
def test_a_qcow2_image_inside_a_compressed_file_is_written_exactly(
    kind: str, options: tuple[str, ...], server: ImageServer, disk: LoopDisk, tmp_path: Path
) -> None:
    raw = gpt_image(tmp_path)
    content = packed(qcow2(raw, *options), kind)
    reports = write_it(server, disk, content)
    assert_holds(disk, raw.content)
    assert any("is packed in" in (report.message or "") for report in reports)


def test_the_receipt_of_a_packed_qcow2_image_tells_both_formats_and_the_packed_size(
    server: ImageServer, disk: LoopDisk, tmp_path: Path
) -> None:
    raw = gpt_image(tmp_path)
    content = packed(qcow2(raw), "gzip")
    url = server.serve("i", content)
    image = ImageInfo(id="i", urls=[url], checksum=sha256(content), disk_format="qcow2")
    written = StreamingImageWriter(HostRunner()).write_image(
        image, None, disk.device(), lambda _report: None
    )
    assert written.receipt is not None
    assert written.receipt.format == "qcow2 in gzip"
    assert written.receipt.image_bytes == len(content)
    assert written.receipt.content_bytes == len(raw.content)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_behind_a_packed_qcow2_image_belongs_to_the_checksum(
    kind: str, server: ImageServer, disk: LoopDisk, tmp_path: Path
) -> None:
    content = packed(qcow2(gpt_image(tmp_path)), kind)
    url = server.serve("i", content)
    wrong = ImageInfo(id="i", urls=[url], checksum=sha256(content[:-1]))
    with pytest.raises(ImageError, match="expected was"):
        StreamingImageWriter(HostRunner()).write_image(
            wrong, None, disk.device(), lambda _report: None
        )
    with pytest.raises(ImageError, match="something else follows"):
        write_it(server, disk, content + b"more")
    with pytest.raises(ImageError, match="cut off"):
        write_it(server, disk, content[:-9])
    assert disk.read(0, MIB) == bytes(MIB)


def test_a_file_that_is_packed_twice_is_refused_by_name(
    server: ImageServer, disk: LoopDisk, tmp_path: Path
) -> None:
    twice = packed(packed(gpt_image(tmp_path).content, "xz"), "gzip")
    with pytest.raises(ImageError, match="a xz file inside gzip; publish it packed once"):
        write_it(server, disk, twice)


@pytest.mark.parametrize("kind", KINDS)
def test_a_compressed_image_that_is_cut_off_is_refused(
    kind: str, server: ImageServer, disk: LoopDisk, tmp_path: Path
) -> None:
    content = packed(gpt_image(tmp_path).content, kind)
    with pytest.raises(ImageError, match="cut off"):
        write_it(server, disk, content[:-20])
    assert disk.read(0, MIB) == bytes(MIB)


@pytest.mark.parametrize("kind", KINDS)
def test_a_compressed_image_that_unpacks_to_more_than_the_disk_is_refused(
    kind: str, server: ImageServer, disk: LoopDisk, tmp_path: Path
) -> None:
    raw = gpt_image(tmp_path)
    content = raw.content + bytes(DISK_BYTES)
    with pytest.raises(ImageError, match=f"larger than {disk.path}"):
        write_it(server, disk, packed(content, kind))
    assert disk.read(0, MIB) == bytes(MIB)
