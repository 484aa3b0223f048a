"""Every image format is written byte for byte, over noise, and the disk's own tables are right afterwards."""

from pathlib import Path

import pytest

from agent.errors import ImageError
from agent.images.writer import StreamingImageWriter
from agent.protocol.image import ImageInfo
from agent.system.runner import HostRunner
from tests.integration.disk_images import (
    MIB,
    RawImage,
    gpt_image,
    mbr_image,
    packed,
    qcow2,
    run,
    sha256,
)
from tests.integration.image_server import ImageServer
from tests.integration.image_writing import assert_holds, write_it
from tests.integration.loop_disk import DISK_BYTES, LoopDisk, loop_disk

pytestmark = pytest.mark.root


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("-o", "compat=0.10"),
        ("-o", "cluster_size=512"),
        ("-o", "cluster_size=4096"),
        ("-o", "cluster_size=2M"),
        ("-o", "preallocation=metadata"),
        ("-S", "0"),
        ("-c",),
        ("-c", "-o", "cluster_size=4096"),
        ("-c", "-o", "cluster_size=2M"),
        ("-c", "-o", "compression_type=zstd"),
        ("-c", "-o", "compression_type=zstd,cluster_size=4096"),
    ],
    ids=" ".join,
)
def test_a_qcow2_image_is_written_exactly(
    options: tuple[str, ...], server: ImageServer, disk: LoopDisk, tmp_path: Path
) -> None:
    raw = gpt_image(tmp_path)
    write_it(server, disk, qcow2(raw, *options))
    assert_holds(disk, raw.content)


@pytest.mark.parametrize("size_bytes", [MIB, 2 * MIB])
def test_a_qcow2_image_that_ends_with_a_buffer_is_written_exactly(
    size_bytes: int, server: ImageServer, disk: LoopDisk, tmp_path: Path
) -> None:
    """The stream is closed behind the first buffer to read the tables; at its end there is nothing left to ask for."""
    file = tmp_path / "sparse.raw"
    file.write_bytes(bytes(2 * MIB) + b"data" * 1024 + bytes(40 * MIB))
    run("sgdisk", "--clear", "-n", "1:2048:+32M", str(file))
    content = qcow2(RawImage(file=file, content=file.read_bytes()))
    assert len(content) < MIB
    write_it(server, disk, content.ljust(size_bytes, b"\0"))
    assert_holds(disk, file.read_bytes())


def test_a_raw_image_is_written_exactly_and_reports_progress(
    server: ImageServer, disk: LoopDisk, tmp_path: Path
) -> None:
    raw = gpt_image(tmp_path)
    reports = write_it(server, disk, raw.content)
    assert_holds(disk, raw.content)
    assert list(dict.fromkeys(report.phase for report in reports)) == [
        "connect",
        "write",
        "verify",
        "flush",
        "read back",
    ]
    assert {report.bytes_total for report in reports if report.phase == "write"} == {
        len(raw.content)
    }


def test_an_image_as_large_as_the_disk_is_written_exactly(
    server: ImageServer, disk: LoopDisk, tmp_path: Path
) -> None:
    raw = gpt_image(tmp_path, size_bytes=DISK_BYTES)
    write_it(server, disk, raw.content)
    assert disk.read(0, DISK_BYTES) == raw.content


def test_an_mbr_image_keeps_its_first_sector_and_names_its_signature(
    server: ImageServer, disk: LoopDisk, tmp_path: Path
) -> None:
    raw = mbr_image(tmp_path)
    url = server.serve("mbr.raw", raw.content)
    image = ImageInfo(id="x", urls=[url], checksum=sha256(raw.content), disk_format="raw")
    written = StreamingImageWriter(HostRunner()).write_image(
        image, None, disk.device(), lambda _report: None
    )
    assert written.root_uuid == "0x12345678"
    assert disk.read(0, len(raw.content)) == raw.content


def test_a_disk_with_large_sectors_takes_an_image_made_for_it(
    server: ImageServer, tmp_path: Path
) -> None:
    with loop_disk(tmp_path, 64 * MIB, sector_bytes=4096, noise=False) as made:
        made.run("sgdisk", "--clear", "-n", "1:0:+20M")
        content = made.read(0, 64 * MIB)
    with loop_disk(tmp_path, DISK_BYTES, sector_bytes=4096) as disk:
        write_it(server, disk, content[: 40 * MIB])
        assert_holds(disk, content[: 40 * MIB])
        assert disk.read(30 * MIB, MIB) == bytes(MIB)


KINDS = [
    "raw",
    "gzip",
    "zstd",
    "qcow2",
    "qcow2 -c",
    pytest.param("xz", marks=pytest.mark.long),
    pytest.param("bzip2", marks=pytest.mark.long),
]


def published(raw: RawImage, kind: str) -> bytes:
    if kind == "raw":
        return raw.content
    if kind.startswith("qcow2"):
        return qcow2(raw, *kind.split()[1:])
    return packed(raw.content, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_for_other_sectors_is_refused_by_name_before_the_first_write(
    kind: str, server: ImageServer, tmp_path: Path
) -> None:
    content = published(gpt_image(tmp_path), kind)
    with loop_disk(tmp_path, DISK_BYTES, sector_bytes=4096) as disk:
        before = disk.read(0, DISK_BYTES)
        with pytest.raises(
            ImageError, match=r"made for sectors of 512 bytes.*disk has 4096.*nothing was written"
        ):
            write_it(server, disk, content)
        assert disk.read(0, DISK_BYTES) == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_filesystem_without_partitions_is_refused_before_the_first_write(
    kind: str, server: ImageServer, disk: LoopDisk, tmp_path: Path
) -> None:
    file = tmp_path / "filesystem.raw"
    file.write_bytes(bytes(2 * MIB) + b"x" * MIB)
    before = disk.read(0, DISK_BYTES)
    with pytest.raises(ImageError, match=r"no partition table.*nothing was written"):
        write_it(server, disk, published(RawImage(file=file, content=file.read_bytes()), kind))
    assert disk.read(0, DISK_BYTES) == before


@pytest.mark.parametrize("kind", KINDS)
def test_partitions_that_do_not_fit_are_refused_before_the_first_write(
    kind: str, server: ImageServer, tmp_path: Path
) -> None:
    content = published(gpt_image(tmp_path), kind)
    with loop_disk(tmp_path, 40 * MIB) as disk:
        before = disk.read(0, disk.size_bytes)
        with pytest.raises(ImageError, match=r"does not fit on the disk|needs \d+ bytes"):
            write_it(server, disk, content)
        assert disk.read(0, disk.size_bytes) == before


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_that_was_on_a_disk_with_large_sectors_shows_through(
    kind: str, server: ImageServer, tmp_path: Path
) -> None:
    with loop_disk(tmp_path, 48 * MIB, sector_bytes=4096, noise=False) as made:
        made.run("sgdisk", "--clear", "-n", "1:0:+40M")
        raw = gpt_image(tmp_path)
        head = made.read(0, MIB)
        raw.file.write_bytes(head + raw.content[MIB : 47 * MIB + 4096])
    image = RawImage(file=raw.file, content=raw.file.read_bytes())
    with loop_disk(tmp_path, DISK_BYTES, sector_bytes=4096) as disk:
        write_it(server, disk, published(image, kind))
        assert_holds(disk, image.content)


def fixed_vhd(folder: Path) -> bytes:
    raw, vhd = gpt_image(folder), folder / "image.vhd"
    convert = ("qemu-img", "convert", "-f", "raw", "-O", "vpc", "-o", "subformat=fixed")
    run(*convert, str(raw.file), str(vhd))
    return vhd.read_bytes()


def test_a_fixed_vhd_image_is_refused_by_its_footer_before_the_first_write(
    server: ImageServer, disk: LoopDisk, tmp_path: Path
) -> None:
    before = disk.read(0, DISK_BYTES)
    with pytest.raises(ImageError, match="VHD image of fixed size; convert it: qemu-img"):
        write_it(server, disk, fixed_vhd(tmp_path))
    assert disk.read(0, DISK_BYTES) == before


def test_a_fixed_vhd_image_whose_end_cannot_be_reached_is_refused_before_the_disk_can_boot(
    server: ImageServer, disk: LoopDisk, tmp_path: Path
) -> None:
    content = fixed_vhd(tmp_path)
    url = server.serve("vhd", content, has_ranges=False)
    image = ImageInfo(id="vhd", urls=[url], checksum=sha256(content))
    with pytest.raises(ImageError, match="VHD image of fixed size; convert it: qemu-img"):
        StreamingImageWriter(HostRunner()).write_image(
            image, None, disk.device(), lambda _report: None
        )
    assert disk.read(0, MIB) == bytes(MIB)


@pytest.mark.parametrize(
    ("kind", "options", "name"),
    [
        ("vmdk", (), "a VMDK image"),
        ("vmdk", ("-o", "subformat=streamOptimized"), "a VMDK image"),
        ("vpc", (), "a VHD image"),
        ("vhdx", (), "a VHDX image"),
        ("vdi", (), "a VDI image"),
        ("qed", (), "a QED image"),
        ("parallels", (), "a Parallels image"),
    ],
)
def test_images_of_other_machines_are_refused_and_the_disk_is_not_touched(
    kind: str,
    options: tuple[str, ...],
    name: str,
    server: ImageServer,
    disk: LoopDisk,
    tmp_path: Path,
) -> None:
    raw, other = gpt_image(tmp_path), tmp_path / "other"
    run("qemu-img", "convert", "-O", kind, *options, str(raw.file), str(other))
    before = disk.read(0, MIB)
    with pytest.raises(ImageError, match=f"is {name}; convert it: qemu-img convert -O qcow2"):
        write_it(server, disk, other.read_bytes())
    assert disk.read(0, MIB) == before
