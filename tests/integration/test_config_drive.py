"""The config drive reaches its partition, whatever the table and however it is sent."""

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.disks import gpt
from agent.errors import ConfigDriveError, ImageDownloadError
from agent.images.preparation import WriterSettings
from agent.images.writer import StreamingImageWriter
from agent.protocol.image import ImageInfo
from agent.system.runner import HostRunner
from tests.integration.disk_images import MIB, RawImage, gpt_image, mbr_image, run, sha256
from tests.integration.image_server import ImageServer
from tests.integration.image_writing import assert_untouched
from tests.integration.loop_disk import LoopDisk, loop_disk

pytestmark = pytest.mark.root
DISK_BYTES = 160 * MIB


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LoopDisk]:
    with loop_disk(tmp_path, DISK_BYTES) as made:
        yield made


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    folder = tmp_path / "drive"
    for name, text in {
        "openstack/latest/meta_data.json": '{"hostname": "n1"}',
        "openstack/content/0000": "x" * 10_000,
    }.items():
        place = folder / name
        place.parent.mkdir(parents=True)
        place.write_text(text)
    return folder


def make_iso(folder: Path) -> bytes:
    file = folder.with_suffix(".iso")
    run("genisoimage", "-quiet", "-V", "config-2", "-J", "-R", "-o", str(file), str(folder))
    return file.read_bytes()


@pytest.fixture
def iso(drive: Path) -> bytes:
    return make_iso(drive)


@pytest.fixture
def fat(drive: Path) -> bytes:
    file = drive.with_suffix(".fat")
    run("mkfs.vfat", "-C", "-n", "config-2", str(file), "2048")
    run("mcopy", "-s", "-i", str(file), str(drive / "openstack"), "::")
    return file.read_bytes()


def as_text(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content)).decode()


def write(
    server: ImageServer,
    disk: LoopDisk,
    raw: RawImage,
    configdrive: str,
    *,
    config_drive_rebuild: bool = False,
) -> None:
    url = server.serve("image", raw.content)
    image = ImageInfo(id="i", urls=[url], checksum=sha256(raw.content))
    settings = WriterSettings(config_drive_rebuild=config_drive_rebuild)
    StreamingImageWriter(HostRunner(), settings).write_image(
        image, configdrive, disk.device(), lambda _report: None
    )


def assert_drive_at(disk: LoopDisk, start_byte: int, content: bytes) -> None:
    assert disk.read(start_byte, len(content)) == content
    place = ("--offset", str(start_byte), "-o", "value", "-s", "LABEL")
    label = run("blkid", "-p", *place, str(disk.path)).decode().strip()
    assert label.lower() == "config-2"


@pytest.mark.parametrize("kind", ["iso", "fat"])
def test_a_gpt_disk_gets_a_partition_of_64_mib_at_its_end(
    kind: str, server: ImageServer, disk: LoopDisk, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    content: bytes = request.getfixturevalue(kind)
    write(server, disk, gpt_image(tmp_path), as_text(content))
    lines = disk.partition_lines()
    assert [line.split()[0] for line in lines] == ["1", "2", "3"]
    start, end = (int(number) for number in lines[2].split()[1:3])
    assert end - start + 1 == 64 * MIB // 512
    assert DISK_BYTES - end * 512 < 2 * MIB
    assert "config-2" in lines[2]
    assert_drive_at(disk, start * 512, content)
    assert "No problems found" in disk.run("sgdisk", "--verify")


def test_an_mbr_disk_gets_a_primary_partition_at_its_end(
    server: ImageServer, disk: LoopDisk, tmp_path: Path, iso: bytes
) -> None:
    write(server, disk, mbr_image(tmp_path, partitions=3), as_text(iso))
    table = disk.run("sfdisk", "--dump")
    (line,) = [text for text in table.splitlines() if "p4 " in text]
    start = int(line.split("start=")[1].split(",")[0])
    assert "type=c" in line
    assert_drive_at(disk, start * 512, iso)


def test_an_mbr_with_four_primaries_has_no_place(
    server: ImageServer, disk: LoopDisk, tmp_path: Path, iso: bytes
) -> None:
    with pytest.raises(ConfigDriveError, match=r"four primary partitions.*nothing was written"):
        write(server, disk, mbr_image(tmp_path, partitions=4), as_text(iso))
    assert_untouched(disk)


def test_a_full_gpt_has_no_place(
    server: ImageServer, disk: LoopDisk, tmp_path: Path, iso: bytes
) -> None:
    raw = gpt_image(tmp_path)
    run("sgdisk", "--resize-table=4", "-n", "3:0:+64K", "-n", "4:0:+64K", str(raw.file))
    full = RawImage(file=raw.file, content=raw.file.read_bytes())
    assert gpt.parse(full.content[:MIB], 512).entry_count == 4
    with pytest.raises(ConfigDriveError, match=r"GPT is full.*nothing was written"):
        write(server, disk, full, as_text(iso))
    assert_untouched(disk)


def test_one_of_four_primaries_may_be_meant_by_its_filesystems_label(
    server: ImageServer, disk: LoopDisk, tmp_path: Path, iso: bytes, fat: bytes
) -> None:
    raw = mbr_image(tmp_path, partitions=4)
    content = bytearray(raw.content)
    content[9 * MIB : 9 * MIB + len(fat)] = fat
    write(server, disk, RawImage(file=raw.file, content=bytes(content)), as_text(iso))
    assert_drive_at(disk, 9 * MIB, iso)


@pytest.mark.parametrize(
    "configdrive", ["not base64!", base64.b64encode(b"text").decode(), "http://127.0.0.1:9/none"]
)
def test_an_unreadable_config_drive_is_known_before_the_first_write(
    configdrive: str, server: ImageServer, disk: LoopDisk, tmp_path: Path
) -> None:
    address = server.url("missing") if configdrive.startswith("http") else configdrive
    with pytest.raises((ConfigDriveError, ImageDownloadError)):
        write(server, disk, mbr_image(tmp_path), address)
    assert_untouched(disk)


def test_a_partition_with_the_label_is_used_again(
    server: ImageServer, disk: LoopDisk, tmp_path: Path, iso: bytes, fat: bytes
) -> None:
    raw = gpt_image(tmp_path)
    run("sgdisk", "-d", "2", "-n", "2:20480:+8M", str(raw.file))
    with raw.file.open("r+b") as file:
        file.seek(10 * MIB)
        file.write(fat)
    raw = RawImage(file=raw.file, content=raw.file.read_bytes())
    write(server, disk, raw, as_text(iso))
    assert len(disk.partition_lines()) == 2
    assert disk.read(10 * MIB, len(iso)) == iso
    assert disk.read(10 * MIB + len(iso), MIB) == bytes(MIB)


def mbr_with_drives(folder: Path, fat: bytes, *numbers: int) -> RawImage:
    """Make an MBR image whose partitions with these numbers carry the label."""
    raw = mbr_image(folder, partitions=3)
    with raw.file.open("r+b") as file:
        for number in numbers:
            file.seek((1 + 4 * (number - 1)) * MIB)
            file.write(fat)
    return RawImage(file=raw.file, content=raw.file.read_bytes())


def test_a_labelled_partition_of_an_mbr_is_used_again(
    server: ImageServer, disk: LoopDisk, tmp_path: Path, iso: bytes, fat: bytes
) -> None:
    write(server, disk, mbr_with_drives(tmp_path, fat, 2), as_text(iso))
    assert len(json.loads(disk.run("sfdisk", "--json"))["partitiontable"]["partitions"]) == 3
    assert_drive_at(disk, 5 * MIB, iso)


def test_two_labelled_partitions_are_an_error_and_leave_no_table(
    server: ImageServer, disk: LoopDisk, tmp_path: Path, iso: bytes, fat: bytes
) -> None:
    with pytest.raises(ConfigDriveError, match="partitions 2, 3 of the image are all labelled"):
        write(server, disk, mbr_with_drives(tmp_path, fat, 2, 3), as_text(iso))
    assert disk.read(0, MIB) == bytes(MIB)


def test_a_full_disk_has_no_room_and_stays_as_it_is(
    server: ImageServer, tmp_path: Path, iso: bytes
) -> None:
    with loop_disk(tmp_path, 64 * MIB) as disk:
        with pytest.raises(ConfigDriveError, match="bytes are free behind"):
            write(server, disk, gpt_image(tmp_path), as_text(iso))
        assert_untouched(disk)


@pytest.mark.parametrize("form", ["plain", "gzip", "base64"])
def test_a_config_drive_comes_by_url_in_any_form(
    form: str, server: ImageServer, disk: LoopDisk, tmp_path: Path, iso: bytes
) -> None:
    forms = {"plain": iso, "gzip": gzip.compress(iso), "base64": as_text(iso).encode()}
    write(server, disk, gpt_image(tmp_path), server.serve("drive", forms[form]))
    start = int(disk.partition_lines()[2].split()[1])
    assert_drive_at(disk, start * 512, iso)


def files_at(disk: LoopDisk, start_byte: int) -> dict[str, bytes]:
    """Return the files of the FAT filesystem there."""
    image = f"{disk.path}@@{start_byte}"
    names = run("mdir", "-/", "-b", "-i", image, "::").decode().split()
    return {name[3:]: run("mtype", "-i", image, name) for name in names if not name.endswith("/")}


def start_of_drive(disk: LoopDisk, number: int) -> int:
    table = json.loads(disk.run("sfdisk", "--json"))["partitiontable"]
    start: int = table["partitions"][number - 1]["start"]
    return start * disk.sector_bytes


@pytest.mark.parametrize("table", ["gpt", "mbr"])
@pytest.mark.parametrize("kind", ["iso", "fat"])
def test_on_large_sectors_the_drive_is_made_anew_as_fat(
    table: str, kind: str, server: ImageServer, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    content: bytes = request.getfixturevalue(kind)
    with loop_disk(tmp_path, DISK_BYTES, sector_bytes=4096, noise=False) as disk:
        raw = image_for_large_sectors(disk, table)
        write(server, disk, raw, as_text(content))
        start = start_of_drive(disk, 2)
        place = ("--offset", str(start), "--output", "export")
        tags = run("blkid", "--probe", *place, str(disk.path)).decode().split()
        assert {"LABEL=CONFIG-2", "BLOCK_SIZE=4096", "TYPE=vfat"} <= set(tags)
        assert files_at(disk, start) == {
            "openstack/latest/meta_data.json": b'{"hostname": "n1"}',
            "openstack/content/0000": b"x" * 10_000,
        }
        if table == "gpt":
            assert "No problems found" in disk.run("sgdisk", "--verify")


def image_for_large_sectors(disk: LoopDisk, table: str) -> RawImage:
    """Make an image with one partition of 4 MiB on the disk itself, because sector sizes belong to disks, and read it."""
    text = f"label: {'gpt' if table == 'gpt' else 'dos'}\nsize=4MiB, type=linux\n"
    run("sfdisk", "--quiet", "--no-reread", str(disk.path), stdin=text.encode())
    content = disk.path.read_bytes()[: 8 * MIB]
    return RawImage(file=disk.path, content=content)


def test_every_drive_is_made_anew_where_the_setting_says_so(
    server: ImageServer, disk: LoopDisk, tmp_path: Path, iso: bytes
) -> None:
    write(server, disk, gpt_image(tmp_path), as_text(iso), config_drive_rebuild=True)
    start = int(disk.partition_lines()[2].split()[1]) * 512
    assert files_at(disk, start)["openstack/latest/meta_data.json"] == b'{"hostname": "n1"}'


def test_an_mbr_disk_of_three_tib_gets_its_drive_below_two(
    server: ImageServer, tmp_path: Path, iso: bytes
) -> None:
    with loop_disk(tmp_path, 3 << 40, noise=False) as disk:
        write(server, disk, mbr_image(tmp_path), as_text(iso))
        start = start_of_drive(disk, 2)
        assert (2 << 40) - 66 * MIB < start < (2 << 40) - 64 * MIB
        assert_drive_at(disk, start, iso)


def test_names_that_fat_cannot_hold_are_refused_before_the_first_write(
    server: ImageServer, tmp_path: Path
) -> None:
    folder = tmp_path / "names"
    folder.mkdir()
    (folder / "a:b").write_text("")
    iso = make_iso(folder)
    with loop_disk(tmp_path, DISK_BYTES, sector_bytes=4096) as disk:
        with pytest.raises(ConfigDriveError, match="'a:b' cannot exist in FAT"):
            write(server, disk, gpt_image(tmp_path), as_text(iso))
        assert disk.read(0, 16) != bytes(16)
