"""What an image and a disk have for GRUB, looked up without running or following anything that leads out."""

import struct
from pathlib import Path

import pytest

from agent.boot.grub_findings import disk_findings, root_findings
from agent.disks.layout import DiskLabel, LayoutWishes, plan_layout
from agent.disks.new_table import build_table
from agent.disks.partition_table import PartitionTable

MIB = 1 << 20
SIZE = 1 << 30


def elf(machine: int, *, bits: int = 2, order: int = 1) -> bytes:
    head = b"\x7fELF" + bytes([bits, order, 1]) + bytes(11)
    return head + struct.pack("<H" if order == 1 else ">H", machine) + bytes(40)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (elf(62), "x86_64"),
        (elf(3, bits=1), "i386"),
        (elf(21), "ppc64le"),
        (elf(183), "aarch64"),
        (elf(21, order=2), "another processor (ELF machine 21, class 2, byte order 2)"),
        (elf(62, bits=1), "another processor (ELF machine 62, class 1, byte order 1)"),
        (b"", "no processor: it is no program"),
        (b"\x7fELF", "no processor: it is no program"),
        (b"#!/bin/sh -e\nexit 0\n", "x86_64"),
        (b"#! /bin/sh\n", "x86_64"),
        (b"#!/bin/none\n", "an interpreter that is not there ('/bin/none')"),
        (b"#!\n", "an interpreter that is not there ('nothing')"),
        (b"#!/usr/sbin/grub-install\n", "no processor: it is no program"),
    ],
)
def test_a_program_is_known_by_its_header(tmp_path: Path, content: bytes, said: str) -> None:
    for folder in ("usr/sbin", "usr/bin", "usr/lib/grub/i386-pc", "dev"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "bin").symlink_to("usr/bin")
    (tmp_path / "usr/bin/sh").write_bytes(elf(62))
    (tmp_path / "usr/sbin/grub-install").write_bytes(content)
    found = root_findings("ext4", tmp_path)
    assert found.processors == {"/usr/sbin/grub-install": said}
    assert found.platforms == {"i386-pc"}
    assert found.odd_folders == ()


def test_links_do_not_lead_out_of_the_image(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "grub-install").write_bytes(elf(62))
    root = tmp_path / "root"
    (root / "usr/sbin").mkdir(parents=True)
    (root / "usr/sbin/grub-install").symlink_to(outside / "grub-install")
    (root / "usr/lib").symlink_to("/usr/lib")
    for name in ("dev", "tmp"):
        (root / name).symlink_to(outside)
    (root / "proc").write_text("")
    found = root_findings("ext4", root)
    assert found.processors == {}
    assert found.platforms == frozenset()
    assert found.odd_folders == ("dev", "proc", "tmp")


@pytest.mark.parametrize("label", [DiskLabel.GPT, DiskLabel.MBR])
@pytest.mark.parametrize("is_prep", [True, False])
def test_the_layout_of_a_deployment_has_room_for_grub(label: DiskLabel, is_prep: bool) -> None:
    wishes = LayoutWishes(label=label, boot_mode="bios", root_bytes=99 * MIB, is_ppc64=is_prep)
    parts = plan_layout(wishes, SIZE, 512)
    head = build_table(parts, label, disk_bytes=SIZE, sector_bytes=512)
    found = disk_findings(Path("/dev/nvme0n1"), PartitionTable(head, 512), is_prep=is_prep)
    assert (found.name, found.is_gpt) == ("nvme0n1", label is DiskLabel.GPT)
    assert found.gap_end_byte == MIB
    assert (found.reserved is None) == (label is DiskLabel.MBR and not is_prep)
    if found.reserved is not None:
        assert found.reserved.number == 1
        assert found.reserved_name == "nvme0n1p1"
    other = disk_findings(Path("/dev/sda"), PartitionTable(head, 512), is_prep=not is_prep)
    assert other.reserved is None
