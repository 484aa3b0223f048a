"""Partition images: layout, content and names on real block devices, and nothing half done."""

import base64
import gzip
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.errors import CommandFailed, ImageError, LayoutDoesNotFit
from agent.hardware.writing import WrittenImage
from agent.images.writer import StreamingImageWriter
from agent.protocol.image import ImageInfo
from agent.system.runner import HostRunner
from tests.integration.disk_images import MIB, RawImage, gpt_image, packed, qcow2, run, sha256
from tests.integration.image_server import ImageServer
from tests.integration.loop_disk import NOISE, LoopDisk, loop_disk
from tests.integration.root_images import (
    ROOT_UUID,
    check_ext,
    file_in_ext,
    places_mib,
    root_image,
    table_of,
    tags_at,
)

pytestmark = pytest.mark.root
SIZES = {"root_mb": 40, "swap_mb": 8, "ephemeral_mb": 24}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LoopDisk]:
    with loop_disk(tmp_path, 96 * MIB) as made:
        yield made


@pytest.fixture
def root(tmp_path: Path) -> RawImage:
    return root_image(tmp_path)


@pytest.fixture
def drive(tmp_path: Path) -> str:
    folder = tmp_path / "drive/openstack/latest"
    folder.mkdir(parents=True)
    (folder / "meta_data.json").write_text('{"hostname": "n1"}')
    file = tmp_path / "drive.iso"
    run(
        *("genisoimage", "-quiet", "-V", "config-2", "-J", "-R", "-o", str(file)),
        str(tmp_path / "drive"),
    )
    return base64.b64encode(gzip.compress(file.read_bytes())).decode()


def write(
    server: ImageServer,
    disk: LoopDisk,
    content: bytes,
    *,
    drive: str | None = None,
    digest: str | None = None,
    **wishes: Any,
) -> WrittenImage:
    image = ImageInfo(
        id="root.img",
        urls=[server.serve("root.img", content)],
        checksum=digest or sha256(content),
        image_type="partition",
        **({"deploy_boot_mode": "bios"} | SIZES | wishes),
    )
    return StreamingImageWriter(HostRunner()).write_image(
        image, drive, disk.device(), lambda _report: None
    )


def assert_root_at(disk: LoopDisk, start_mib: int, root: RawImage) -> None:
    assert disk.read(start_mib * MIB, len(root.content)) == root.content
    check_ext(disk, start_mib)


@pytest.mark.parametrize(("sector_bytes", "drive_mib"), [(512, 1), (4096, 2)])
def test_a_gpt_disk_gets_every_partition_with_its_content(
    sector_bytes: int,
    drive_mib: int,
    server: ImageServer,
    tmp_path: Path,
    root: RawImage,
    drive: str,
) -> None:
    with loop_disk(tmp_path, 96 * MIB, sector_bytes=sector_bytes) as disk:
        written = write(server, disk, root.content, drive=drive, disk_label="gpt")
        assert "No problems found" in disk.run("sgdisk", "--verify")
        assert table_of(disk)["label"] == "gpt"
        places = [(1, 1), (2, 24), (26, 8), (34, drive_mib), (34 + drive_mib, 40)]
        assert places_mib(disk) == places
        assert disk.read(MIB, MIB) == bytes(MIB)
        check_ext(disk, 2)
        found = [tags_at(disk, *place) for place in places[1:]]
        kinds = [tags["TYPE"] for tags in found]
        assert kinds == ["ext4", "swap", "iso9660" if sector_bytes == 512 else "vfat", "ext4"]
        labels = [tags["LABEL"].lower() for tags in found]
        assert labels == ["ephemeral0", "swap1", "config-2", "rootfs"]
        assert_root_at(disk, 34 + drive_mib, root)
    assert written.root_uuid == ROOT_UUID
    assert written.efi_system_partition_uuid is None
    assert [role for role, _ in written.partitions] == [
        "BIOS Boot partition",
        "ephemeral",
        "swap",
        "configdrive",
        "root",
    ]
    assert written.partitions[-1][1] == f"{disk.path}p5"


def test_an_mbr_is_the_default_and_its_root_is_active(
    server: ImageServer, disk: LoopDisk, root: RawImage, drive: str
) -> None:
    write(server, disk, root.content, drive=drive, ephemeral_mb=0)
    table = table_of(disk)
    assert table["label"] == "dos"
    assert [part["type"] for part in table["partitions"]] == ["82", "c", "83"]
    assert [part.get("bootable", False) for part in table["partitions"]] == [False, False, True]
    assert places_mib(disk) == [(1, 8), (9, 1), (10, 40)]
    assert_root_at(disk, 10, root)
    assert disk.read(0, 440) == bytes(440)


@pytest.mark.parametrize("sector_bytes", [512, 4096])
def test_uefi_gets_an_esp_with_the_boot_files_of_the_image(
    sector_bytes: int, server: ImageServer, tmp_path: Path
) -> None:
    files = {
        "boot/efi/EFI/debian/grubx64.efi": "loader" * 50_000,
        "boot/efi/EFI/BOOT/BOOTX64.EFI": "shim",
    }
    root = root_image(tmp_path, files=files, links={"boot/efi/EFI/BOOT/fbx64.efi": "/etc/shadow"})
    with loop_disk(tmp_path, 640 * MIB, sector_bytes=sector_bytes, noise=False) as disk:
        disk.path.write_bytes(NOISE * 16)
        written = write(server, disk, root.content, deploy_boot_mode="uefi", ephemeral_mb=0)
        assert "No problems found" in disk.run("sgdisk", "--verify")
        assert places_mib(disk) == [(1, 550), (551, 8), (559, 40)]
        esp = tags_at(disk, 1, 550)
        assert (esp["TYPE"], esp["LABEL"]) == ("vfat", "efi-part")
        assert written.efi_system_partition_uuid == esp["UUID"]
        listing = run("mdir", "-/", "-b", "-i", f"{disk.path}@@{MIB}", "::").decode().split()
        assert {"::/EFI/debian/grubx64.efi", "::/EFI/BOOT/BOOTX64.EFI"} <= set(listing)
        assert not any("fbx64" in line for line in listing)
        part = tmp_path / "esp.img"
        part.write_bytes(disk.read(MIB, 16 * MIB))
        os.truncate(part, 550 * MIB)
        run("fsck.vfat", "-n", str(part))
        copied = run("mtype", "-i", str(part), "::/EFI/debian/grubx64.efi")
        assert copied == b"loader" * 50_000


@pytest.mark.parametrize("form", ["qcow2", "gzip", "xz", "zstd"])
def test_every_format_can_hold_a_root_filesystem(
    form: str, server: ImageServer, disk: LoopDisk, root: RawImage
) -> None:
    content = qcow2(root, "-c") if form == "qcow2" else packed(root.content, form)
    write(server, disk, content, swap_mb=0, ephemeral_mb=0)
    assert places_mib(disk) == [(1, 40)]
    assert_root_at(disk, 1, root)


def test_a_powerpc_gets_a_prep_partition_that_is_known_by_its_own_uuid(
    server: ImageServer, disk: LoopDisk, root: RawImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "ppc64le")
    written = write(server, disk, root.content, swap_mb=0, ephemeral_mb=0)
    table = table_of(disk)
    assert [part["type"] for part in table["partitions"]] == ["41", "83"]
    assert [part.get("bootable", False) for part in table["partitions"]] == [True, False]
    assert places_mib(disk) == [(1, 8), (9, 40)]
    assert written.prep_boot_partition_uuid == f"{table['id'].removeprefix('0x')}-01"
    written = write(server, disk, root.content, swap_mb=0, ephemeral_mb=0, disk_label="gpt")
    assert written.prep_boot_partition_uuid == table_of(disk)["partitions"][0]["uuid"].lower()


def test_a_program_that_fails_leaves_no_table_and_the_disk_free(
    server: ImageServer,
    disk: LoopDisk,
    root: RawImage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = tmp_path / "bin/mke2fs"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho no such luck >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    with pytest.raises(CommandFailed, match=r"mke2fs .*exit status 3: no such luck"):
        write(server, disk, root.content, disk_label="gpt")
    assert disk.read(0, MIB) == bytes(MIB)
    monkeypatch.undo()
    write(server, disk, root.content, disk_label="gpt")
    assert len(places_mib(disk)) == 4


def test_the_root_filesystem_is_grown_where_asked(
    server: ImageServer, disk: LoopDisk, root: RawImage
) -> None:
    write(server, disk, root.content, grow_root_filesystem="true", swap_mb=0, ephemeral_mb=0)
    check_ext(disk, 1)
    assert file_in_ext(disk, 1, "/etc/hostname") == "n1\n"
    shown = run("dumpe2fs", "-h", f"{disk.path}?offset={MIB}").decode()
    blocks, size = (
        int(next(line for line in shown.splitlines() if line.startswith(name)).split(":")[1])
        for name in ("Block count", "Block size")
    )
    assert blocks * size == 40 * MIB


def test_an_image_that_is_larger_than_its_partition_is_refused_before_the_first_write(
    server: ImageServer, disk: LoopDisk, root: RawImage
) -> None:
    before = disk.read(0, disk.size_bytes)
    with pytest.raises(ImageError, match=r"25165824 bytes, its root partition only 16777216"):
        write(server, disk, root.content, root_mb=16)
    with pytest.raises(ImageError, match="its root partition only"):
        write(server, disk, qcow2(root), root_mb=16)
    with pytest.raises(LayoutDoesNotFit, match="bytes are missing on the disk"):
        write(server, disk, root.content, root_mb=90)
    assert disk.read(0, disk.size_bytes) == before


def test_a_filesystem_with_small_blocks_is_refused_for_large_sectors(
    server: ImageServer, tmp_path: Path
) -> None:
    small = root_image(tmp_path, block_bytes=1024)
    message = "blocks of 1024 bytes and cannot be mounted from .* whose sectors have 4096"
    with loop_disk(tmp_path, 96 * MIB, sector_bytes=4096) as disk:
        with pytest.raises(ImageError, match=message):
            write(server, disk, small.content)
        assert disk.read(0, 16) != bytes(16)
        with pytest.raises(ImageError, match=message):
            write(server, disk, packed(small.content, "gzip"))
        assert disk.read(0, 16) != bytes(16)


def test_a_compressed_image_that_turns_out_too_large_leaves_no_table(
    server: ImageServer, disk: LoopDisk, root: RawImage
) -> None:
    with pytest.raises(ImageError, match="larger than its root partition"):
        write(server, disk, packed(root.content, "zstd"), root_mb=16)
    assert disk.read(0, MIB) == bytes(MIB)


def test_a_whole_disk_image_is_told_from_a_root_filesystem(
    server: ImageServer, disk: LoopDisk, tmp_path: Path
) -> None:
    image = gpt_image(tmp_path)
    with pytest.raises(ImageError, match="set image_type to whole-disk"):
        write(server, disk, image.content, root_mb=60)
    assert disk.read(0, 16) != bytes(16)
    with pytest.raises(ImageError, match="set image_type to whole-disk"):
        write(server, disk, packed(image.content, "gzip"), root_mb=60)
    assert disk.read(0, 16) != bytes(16)


def test_a_wrong_checksum_leaves_no_table(
    server: ImageServer, disk: LoopDisk, root: RawImage
) -> None:
    with pytest.raises(ImageError, match="left without a partition table"):
        write(server, disk, root.content, digest="0" * 64, disk_label="gpt")
    assert disk.read(0, MIB) == bytes(MIB)
    assert disk.read(disk.size_bytes - 34 * 512, 34 * 512) == bytes(34 * 512)


def deploy_and_use(server: ImageServer, disk: LoopDisk, root: RawImage) -> bytes:
    """Deploy with an ephemeral partition and fill it; return the first MiB with boot code as a system leaves it."""
    write(server, disk, root.content, disk_label="gpt")
    with disk.path.open("r+b") as device:
        device.write(b"boot code")
        device.seek(2 * MIB)
        device.write(b"\x5a" * (24 * MIB))
    return disk.path.read_bytes()[:MIB]


def test_a_rebuild_keeps_the_ephemeral_partition_and_the_table(
    server: ImageServer, disk: LoopDisk, root: RawImage
) -> None:
    head = deploy_and_use(server, disk, root)
    disk.path.write_bytes(disk.path.read_bytes()[: 34 * MIB] + b"\xa5" * (40 * MIB))
    write(server, disk, root.content, disk_label="gpt", preserve_ephemeral=True)
    assert disk.read(2 * MIB, 24 * MIB) == b"\x5a" * (24 * MIB)
    assert_root_at(disk, 34, root)
    assert disk.read(0, MIB) == bytes(440) + head[440:]
    assert "No problems found" in disk.run("sgdisk", "--verify")


def test_a_rebuild_that_fails_keeps_the_data_and_cannot_boot(
    server: ImageServer, disk: LoopDisk, root: RawImage
) -> None:
    head = deploy_and_use(server, disk, root)
    with pytest.raises(
        ImageError, match="its partition table and ephemeral partition are as before"
    ):
        write(
            server,
            disk,
            root.content,
            disk_label="gpt",
            preserve_ephemeral="True",
            digest="0" * 64,
        )
    assert disk.read(0, MIB) == bytes(440) + head[440:]
    assert disk.read(2 * MIB, 24 * MIB) == b"\x5a" * (24 * MIB)


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        (
            {"disk_label": "gpt", "swap_mb": 9},
            r"partition 3 \(swap\) has 8 MiB at 26 MiB, wanted 9 MiB at 26 MiB",
        ),
        ({"disk_label": "gpt", "swap_mb": 0}, "partition 4 is not wanted"),
        ({"disk_label": "msdos"}, "the table is gpt, wanted msdos"),
    ],
)
def test_an_ephemeral_partition_of_another_layout_is_not_touched(
    wishes: dict[str, Any], message: str, server: ImageServer, disk: LoopDisk, root: RawImage
) -> None:
    deploy_and_use(server, disk, root)
    before = disk.path.read_bytes()
    with pytest.raises(LayoutDoesNotFit, match=message):
        write(server, disk, root.content, preserve_ephemeral=True, **wishes)
    assert disk.path.read_bytes() == before
