"""A server without Range takes longer and ends with the same disk, in the same little memory."""

import pytest

from agent.errors import ImageError
from agent.protocol.commands import Progress
from tests.integration.disk_images import MIB, RawImage, qcow2
from tests.integration.image_server import ImageServer
from tests.integration.image_writing import (
    assert_unbootable,
    assert_written,
    described,
    write,
)
from tests.integration.loop_disk import LoopDisk

pytestmark = pytest.mark.root


def test_a_server_without_range_is_read_again_from_the_start(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    url = server.serve("i", raw.content, cuts=[3_000_001], has_ranges=False)
    reports = write(disk.device(), described(raw.content, url))
    assert_written(disk, raw)
    assert any("no Range" in (report.message or "") for report in reports)


def test_a_server_that_tells_no_length_is_read_to_its_end(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    url = server.serve("i", raw.content, has_ranges=False, has_length=False)
    write(disk.device(), described(raw.content, url))
    assert_written(disk, raw)


@pytest.mark.parametrize("has_length", [True, False], ids=["length", "no length"])
@pytest.mark.parametrize("options", [(), ("-c",)], ids=["plain", "compressed"])
def test_a_qcow2_image_without_range_is_read_in_passes_and_says_so(
    has_length: bool,
    options: tuple[str, ...],
    server: ImageServer,
    disk: LoopDisk,
    raw: RawImage,
) -> None:
    content = qcow2(raw, *options)
    url = server.serve("i", content, has_ranges=False, has_length=has_length)
    reports = write(disk.device(), described(content, url))
    assert_written(disk, raw)
    said = [report.message or "" for report in reports]
    assert any("no Range: pass 1 over the image" in text for text in said)
    assert len(server.requests) == (3 if has_length else 4)  # look, (measure,) tables, data


def test_a_qcow2_image_without_range_survives_cuts_in_every_pass(
    server: ImageServer, disk: LoopDisk, raw: RawImage, packed_qcow2: bytes
) -> None:
    cuts = [MIB + 5, 70_000, 200_000, -1, 2 * MIB, 3 * MIB]
    url = server.serve("i", packed_qcow2, has_ranges=False, cuts=cuts)
    write(disk.device(), described(packed_qcow2, url))
    assert_written(disk, raw)
    assert len(server.requests) > 5


def test_tables_that_change_between_the_passes_are_noticed(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    content = qcow2(raw, "-o", "cluster_size=4096")
    at = int.from_bytes(content[40:48], "big") + 10 * 8  # an entry of the L1 table
    table = int.from_bytes(content[at : at + 8], "big") & 0x00FF_FFFF_FFFF_FE00
    changed = bytearray(content)
    changed[table : table + 16] = content[table + 8 : table + 16] + content[table : table + 8]
    assert changed != content
    assert table > 2 * MIB  # behind what is read before the passes
    url = server.serve("i", content, has_ranges=False)

    def change(report: Progress) -> None:
        if report.phase == "write":
            server.files["/i"].content = bytes(changed)

    image = described(content, url)
    with pytest.raises(ImageError, match="the tables changed during the download"):
        write(disk.device(), image, change)
    assert_unbootable(disk)
