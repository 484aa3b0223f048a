"""The deployed system's kernel, found on real partitions with real file systems; what would be loaded is written down instead."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from agent.boot.kexec.plan import MachineState
from agent.boot.kexec.preparation import prepare_kexec
from agent.errors import KexecNotPossible
from agent.system.power import NoPower
from agent.system.runner import HostRunner
from tests.integration.disk_images import MIB, run
from tests.integration.loop_disk import LoopDisk, loop_disk
from tests.unit.agent.boot.kexec.disk_files import (
    BOOT_UUID,
    DEBIAN,
    FEDORA,
    ROOT_UUID,
    fedora_entry,
)
from tests.unit.agent.boot.kexec.test_plan import x86_kernel

pytestmark = pytest.mark.root
MACHINE = MachineState(
    architecture="x86_64",
    is_uefi=False,
    secure_boot=None,
    lockdown=None,
    can_kexec=True,
    is_disabled=False,
    available_bytes=None,
)
KERNEL = x86_kernel() + b"the kernel itself"
_BOOT_MIB, _ROOT_MIB = 10, 30
_PART_MIB = 18


class Diary(NoPower):
    """Reads what it is told to load, as the kernel would."""

    def __init__(self) -> None:
        self.kernel = self.initrd = b""
        self.command_line = ""

    def load_kernel(self, kernel: int, initrd: int | None, command_line: str, /) -> None:
        self.kernel = os.pread(kernel, 1 << 20, 0)
        self.initrd = b"" if initrd is None else os.pread(initrd, 1 << 20, 0)
        self.command_line = command_line


@pytest.fixture(params=[512, 4096])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LoopDisk]:
    """ESP, a place for ``/boot``, a place for the root."""
    with loop_disk(tmp_path, 52 * MIB, sector_bytes=request.param, noise=False) as made:
        places = [f"-n2:{_BOOT_MIB}M:+{_PART_MIB}M", f"-n3:{_ROOT_MIB}M:+{_PART_MIB}M"]
        run("sgdisk", "-n1:1M:+8M", "-t1:ef00", *places, str(made.path))
        yield made


def fill(disk: LoopDisk, start_mib: int, uuid: str, files: Mapping[str, str | bytes]) -> None:
    """Make an ext4 file system with these files; a text that begins with ``->`` is a symbolic link."""
    tree = disk.file.parent / f"tree-{start_mib}"
    for name, content in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str) and content.startswith("->"):
            path.symlink_to(content[2:])
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    options = ("-q", "-t", "ext4", "-b", "4096", "-U", uuid, "-d", str(tree))
    place = (f"offset={start_mib * MIB}", str(disk.path), f"{_PART_MIB * 1024}k")
    run("mke2fs", *options, "-E", *place)


def prepare(disk: LoopDisk, machine: MachineState = MACHINE) -> Diary:
    diary = Diary()
    try:
        prepare_kexec(disk.path, machine, HostRunner(), diary, is_on_array=False)
    finally:
        assert str(disk.path) not in Path("/proc/mounts").read_text()
    return diary


def content(disk: LoopDisk) -> str:
    os.sync()
    return hashlib.sha256(disk.file.read_bytes()).hexdigest()


DEBIAN_FILES: dict[str, str | bytes] = {
    "boot/grub/grub.cfg": DEBIAN.replace("DEFAULT", "0"),
    "boot/vmlinuz-6.1.0-28-amd64": "->/vmlinuz",
    "vmlinuz": "->boot/real-kernel",
    "boot/real-kernel": KERNEL,
    "boot/initrd.img-6.1.0-28-amd64": b"ramdisk",
}


def test_a_debian_system_whose_journal_is_not_clean_is_read_and_not_changed(disk: LoopDisk) -> None:
    fill(disk, _ROOT_MIB, ROOT_UUID, DEBIAN_FILES)
    place = f"{disk.path}?offset={_ROOT_MIB * MIB}"
    run("debugfs", "-w", "-R", "feature +needs_recovery", place)
    before = content(disk)
    diary = prepare(disk)
    assert (diary.kernel, diary.initrd) == (KERNEL, b"ramdisk")
    assert diary.command_line.startswith("BOOT_IMAGE=/boot/vmlinuz-6.1.0-28-amd64 root=UUID=")
    assert content(disk) == before


def test_a_fedora_system_with_a_boot_partition_and_two_ramdisks(disk: LoopDisk) -> None:
    entry = fedora_entry("6.8.9") + "initrd /microcode\n"
    files: dict[str, str | bytes] = {
        "grub2/grub.cfg": FEDORA,
        "loader/entries/m-6.8.9.conf": entry,
        "microcode": b"second",
    }
    kernel = {"vmlinuz-6.8.9": KERNEL, "initramfs-6.8.9.img": b"first"}
    fill(disk, _BOOT_MIB, BOOT_UUID, {**files, **kernel})
    fill(disk, _ROOT_MIB, ROOT_UUID, {"etc/os-release": "ID=fedora"})
    diary = prepare(disk)
    assert diary.initrd == b"first\0\0\0second"
    assert diary.command_line == (
        f"BOOT_IMAGE=(hd0,gpt2)/vmlinuz-6.8.9 root=UUID={ROOT_UUID} ro console=ttyS0"
    )


def hostile(**files: str | bytes) -> dict[str, str | bytes]:
    own = {"boot/grub/grub.cfg": f"linux /kernel root=UUID={ROOT_UUID}\ninitrd /initrd\nboot"}
    return {**own, "kernel": KERNEL, "initrd": b"i", **files}


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (hostile(kernel="->/../../../etc/passwd"), "/kernel: cannot be read: No such file"),
        (hostile(kernel="->/proc/self/mem"), "/kernel: cannot be read"),
        (hostile(kernel="->kernel"), "too many symbolic links"),
        (hostile(kernel="->boot"), "/kernel: there is something that is no plain file"),
        (hostile(kernel=b"#!/bin/sh\n"), "the kernel is in a form that is not known here"),
        (hostile(initrd="->/dev/zero"), "/initrd: cannot be read"),
        ({"etc/hostname": "x"}, r"GRUB: partition 1 \(no file system\): only UEFI starts from it"),
    ],
)
def test_what_an_image_says_leads_nowhere_else(
    disk: LoopDisk, files: Mapping[str, str | bytes], reason: str
) -> None:
    fill(disk, _ROOT_MIB, ROOT_UUID, files)
    with pytest.raises(KexecNotPossible, match=reason):
        prepare(disk)


def test_nothing_is_mounted_on_a_machine_that_may_not(disk: LoopDisk) -> None:
    with pytest.raises(KexecNotPossible, match="Secure Boot is on"):
        prepare(disk, replace(MACHINE, secure_boot=True))


def test_a_disk_without_partitions_says_so(disk: LoopDisk) -> None:
    run("sgdisk", "--zap-all", str(disk.path))
    with pytest.raises(KexecNotPossible, match="no partition table"):
        prepare(disk)
