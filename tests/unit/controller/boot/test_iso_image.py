"""Images as CDs and disks, read by the programs that read such file systems."""

import re
import struct
import subprocess
import uuid
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.boot.boot_image import (
    BootImage,
    Content,
    Stored,
    open_image,
    plan_boot_image,
    plan_data_image,
    stored,
)
from controller.boot.iso_image import BiosBoot
from controller.boot.urls import shown_path

LABEL = "VMEDIA_BOOT_ISO"
BIOS = BiosBoot(program=bytes(range(256)) * 60, boot_sector=b"\xeb" + bytes(511))


def whole(image: BootImage) -> bytes:
    return piece(image, 0, image.size_bytes)


def piece(image: BootImage, start_byte: int, size_bytes: int) -> bytes:
    with closing(open_image(image, start_byte, size_bytes, None)) as parts:
        return b"".join(parts)


def files_in(folder: Path) -> tuple[tuple[str, str, Content], ...]:
    (folder / "kernel").write_bytes(b"kernel!" * 9001)
    (folder / "initrd").write_bytes(b"initrd!" * 3_000_001)
    return (
        ("boot/grub/grub.cfg", "BOOT/GRUB/GRUB.CFG", b"boot\n"),
        (".disk/info", "DISK/INFO", b"Ingot\n"),
        ("VMLINUZ", "VMLINUZ", stored(folder / "kernel")),
        ("INITRD", "INITRD", stored(folder / "initrd")),
        ("parameters.txt", "PARAMS.TXT", b"ipa-api-url=http://192.0.2.1\n"),
        ("openstack/latest/network_data.json", "NETDATA.JSN", b"{}"),
    )


@pytest.mark.parametrize("bios", [None, BIOS])
def test_a_cd_names_every_file_by_its_name_and_a_fat_has_the_same_bytes(
    tmp_path: Path, bios: BiosBoot | None
) -> None:
    files, target = files_in(tmp_path), tmp_path / "boot.iso"
    image = plan_boot_image(files, LABEL, bios)
    target.write_bytes(whole(image))
    assert target.stat().st_size == image.size_bytes
    fat = tmp_path / "fat.img"
    start = int.from_bytes(target.read_bytes()[454:458], "little") * 512
    fat.write_bytes(target.read_bytes()[start:])
    subprocess.run(["fsck.fat", "-n", fat], check=True, capture_output=True)
    for name, old, content in files:
        wanted = content.path.read_bytes() if isinstance(content, Stored) else content
        assert extracted(target, name, tmp_path) == wanted
        said = subprocess.run(["mtype", "-i", fat, f"::{old}"], capture_output=True, check=True)
        assert said.stdout == wanted


def extracted(iso: Path, name: str, folder: Path) -> bytes:
    """Return a file as xorriso reads it."""
    target = folder / "extracted"
    target.unlink(missing_ok=True)
    argv = ["xorriso", "-indev", str(iso), "-osirrox", "on"]
    argv += ["-extract", f"/{name}", str(target)]
    subprocess.run(argv, check=True, capture_output=True)
    return target.read_bytes()


def test_xorriso_finds_both_ways_to_boot(tmp_path: Path) -> None:
    target = tmp_path / "boot.iso"
    target.write_bytes(whole(plan_boot_image(files_in(tmp_path), LABEL, BIOS)))
    argv = ["xorriso", "-indev", str(target), "-report_el_torito", "plain"]
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    assert f"'{LABEL}'" in done.stdout + done.stderr
    assert re.search(r"El Torito boot img :\s+1\s+BIOS\s+y\s+none", done.stdout)
    assert re.search(r"El Torito boot img :\s+2\s+UEFI\s+y\s+none", done.stdout)


def test_the_program_for_a_bios_knows_where_it_is(tmp_path: Path) -> None:
    """What xorriso writes for ``-boot-info-table`` and ``--grub2-boot-info``."""
    data = whole(plan_boot_image(files_in(tmp_path), LABEL, BIOS))
    catalog = data[19 * 2048 : 20 * 2048]
    (sector,) = struct.unpack_from("<I", catalog, 40)
    program = data[sector * 2048 :][: len(BIOS.program)]
    assert struct.unpack_from("<III", program, 8) == (16, sector, len(BIOS.program))
    words = struct.iter_unpack("<I", program[64:2548] + BIOS.program[2548:])
    assert struct.unpack_from("<I", program, 20)[0] == sum(w for (w,) in words) & 0xFFFFFFFF
    assert struct.unpack_from("<Q", program, 2548) == (sector * 4 + 5,)
    assert struct.unpack_from("<Q", data, 432) == (sector * 4 + 4,)
    assert sum(w for (w,) in struct.iter_unpack("<H", catalog[:32])) & 0xFFFF == 0


@settings(max_examples=80)
@given(st.data())
def test_any_piece_is_that_piece_of_the_whole(data: st.DataObject) -> None:
    contents = data.draw(st.lists(st.binary(min_size=1, max_size=9000), min_size=1, max_size=5))
    image = plan_data_image(tuple((f"f{n}", body) for n, body in enumerate(contents)), "X")
    everything = whole(image)
    start = data.draw(st.integers(0, image.size_bytes - 1))
    count = data.draw(st.integers(1, image.size_bytes - start))
    assert piece(image, start, count) == everything[start : start + count]
    assert all(body in everything for body in contents)


def test_the_same_files_are_the_same_image_and_a_changed_one_another(tmp_path: Path) -> None:
    files = files_in(tmp_path)
    first = plan_boot_image(files, LABEL, None)
    assert plan_boot_image(files_in(tmp_path)[:2] + files[2:], LABEL, None).etag == first.etag
    other = (*files[:-1], (*files[-1][:2], b"[]"))
    assert plan_boot_image(other, LABEL, None).etag != first.etag


def test_nobody_reads_the_key_of_a_medium_in_a_log() -> None:
    address = f"http://192.0.2.1/boot/media/{uuid.UUID(int=7)}"
    assert shown_path(f"{address}/{'a1' * 32}/boot.iso") == f"{address}/***/boot.iso"
    assert shown_path("/v1/nodes") == "/v1/nodes"
