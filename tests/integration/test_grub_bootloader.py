"""The real GRUB of a real image is installed on a disk, and an image that is not what it should be reaches nothing else."""

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.boot import grub_findings
from agent.errors import BootloaderError
from agent.system.runner import HostRunner
from hardware_managers.generic.bootloader import DiskBootloader
from hardware_managers.generic.efi_bootloader import EfiBootloader
from hardware_managers.generic.grub_bootloader import GrubBootloader
from tests.integration.disk_images import MIB, run
from tests.integration.grub_images import (
    PREP_TABLE,
    Deployed,
    debian_with_grub_and_kernel,
    deployed,
    looks_like_grub,
)
from tests.integration.loop_disk import loop_disk
from tests.integration.processes import processes_with
from tests.integration.root_images import ROOT_UUID

pytestmark = pytest.mark.root
GRUB_INSTALL = "/usr/sbin/grub-install"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return debian_with_grub_and_kernel(tmp_path_factory.mktemp("grub"))


@pytest.fixture(scope="module")
def small_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return looks_like_grub(tmp_path_factory.mktemp("small"))


def install(
    system: Deployed, *, is_allowed: bool = True, machine: str = "x86_64"
) -> tuple[str, ...]:
    runner = HostRunner()
    grub = GrubBootloader(runner, is_allowed=is_allowed, machine=machine)
    bootloader = DiskBootloader(EfiBootloader(runner), grub)
    written = system.written()
    return bootloader.install_bootloader(written.disk, boot_mode="bios", written=written)


def boot_code(system: Deployed) -> bytes:
    os.sync()
    return system.disk.read(0, 440)


def leaves_nothing_behind(system: Deployed) -> None:
    assert str(system.root) not in Path("/proc/mounts").read_text()
    system.check()


@pytest.mark.parametrize(
    ("label", "core_sector"), [("gpt", 2048), pytest.param("dos", 1, marks=pytest.mark.long)]
)
def test_the_images_own_grub_is_installed(
    tree: Path, tmp_path: Path, label: str, core_sector: int
) -> None:
    with deployed(tmp_path, tree, label=label) as system:
        before = system.disk.run("sfdisk", "--dump")
        done = install(system)
        assert done == (
            f"/usr/sbin/grub-install --target=i386-pc --recheck {system.disk.path}",
            "/usr/sbin/grub-mkconfig -o /boot/grub/grub.cfg",
        )
        code = boot_code(system)
        assert struct.unpack_from("<Q", code, 0x5C)[0] == core_sector
        config = system.content("/boot/grub/grub.cfg").decode()
        assert f"linux\t/boot/vmlinuz-6.1.0-1-amd64 root=UUID={ROOT_UUID} ro" in config
        assert f"search --no-floppy --fs-uuid --set=root {ROOT_UUID}" in config
        assert system.disk.run("sfdisk", "--dump") == before
        assert install(system) == done, "the order came twice"
        assert boot_code(system) == code
        leaves_nothing_behind(system)


def test_without_the_controllers_word_nothing_is_run_or_written(
    small_tree: Path, tmp_path: Path
) -> None:
    with deployed(tmp_path, small_tree) as system:
        os.sync()
        before = system.disk.file.read_bytes()
        with pytest.raises(BootloaderError, match=r"controller does not allow.*CVE-2026-43003"):
            install(system, is_allowed=False)
        os.sync()
        assert system.disk.file.read_bytes() == before


def test_a_whole_disk_image_stays_as_it_is(tmp_path: Path) -> None:
    runner = HostRunner()
    grub = GrubBootloader(runner, is_allowed=True)
    bootloader = DiskBootloader(EfiBootloader(runner), grub)
    with loop_disk(tmp_path, MIB) as disk:
        before = disk.file.read_bytes()
        assert bootloader.install_bootloader(disk.device(), boot_mode="bios") == ()
        os.sync()
        assert disk.file.read_bytes() == before


FOREIGN = b"\x7fELF\x02\x01\x01" + bytes(11) + struct.pack("<H", 183) + bytes(100)


@pytest.mark.parametrize(
    ("programs", "more", "reason"),
    [
        ({GRUB_INSTALL: FOREIGN}, {}, "grub-install is for aarch64 and this machine is a x86_64"),
        ({GRUB_INSTALL: b"#!/no/such\n"}, {}, r"an interpreter that is not there \('/no/such'\)"),
        ({}, {"table": ",,L"}, "a GPT without a BIOS boot partition"),
        ({}, {"machine": "ppc64le"}, "has no PReP partition"),
        ({}, {"machine": "aarch64"}, "neither a BIOS nor OpenFirmware"),
    ],
)
def test_what_cannot_boot_is_refused_before_anything_is_run(
    small_tree: Path, tmp_path: Path, programs: dict[str, bytes], more: dict[str, str], reason: str
) -> None:
    machine = more.pop("machine", "x86_64")
    with deployed(tmp_path, small_tree, programs=programs, **more) as system:
        os.sync()
        before = system.disk.read(0, 2 * MIB)
        with pytest.raises(BootloaderError, match=reason):
            install(system, machine=machine)
        os.sync()
        assert system.disk.read(0, 2 * MIB) == before
        assert system.content("/boot/grub/grub.cfg") == b""
        leaves_nothing_behind(system)


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    with loop_disk(tmp_path, MIB) as disk:
        yield disk.path


HOSTILE = """#!/bin/sh
exec 2>&1
echo "$$ $(cat /proc/self/mountinfo)" >/seen
for device in {other} /dev/sda /dev/vda /dev/mem /dev/kmsg; do
    [ ! -e $device ] || echo "$device is there" >>/escaped
done
echo evil >{other}
mount -t tmpfs none / && echo mounted >>/escaped
mkdir -p /mnt/x && chroot /mnt/x /bin/true && echo chroot >>/escaped
for net in /sys/class/net/*; do [ "$net" = /sys/class/net/lo ] || echo $net >>/escaped; done
cat /proc/cmdline >>/escaped
echo 1 >/proc/sys/vm/panic_on_oom && echo proc >>/escaped
kill -9 1 && [ -e /proc/1 ] || echo killed >>/escaped
setsid sleep {mark} </dev/null >/dev/null 2>&1 &
sleep {mark} &
for device in /dev/loop*; do dd if=/dev/urandom of=$device bs=440 count=1 conv=notrunc; done
{end}
"""
"""What is to be tried with more than a shell: test_containment.py."""
LATER = pytest.mark.long


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ("exit 0", "ended without an error and left no /boot/grub/i386-pc/core.img"),
        pytest.param("exit 7", "exit status 7", marks=LATER),
        ("while :; do echo flood; done", "printed more than 1048576 bytes"),
        pytest.param(
            "mkdir -p /boot/grub/i386-pc; dd if=/dev/urandom of=/boot/grub/i386-pc/core.img bs=4k count=8",
            "wrote boot code that leads to byte",
            marks=LATER,
        ),
    ],
)
def test_a_hostile_image_reaches_its_own_disk_and_nothing_else(
    tree: Path, tmp_path: Path, other_disk: Path, end: str, reason: str
) -> None:
    mark = f"9{os.getpid()}"
    script = HOSTILE.format(mark=mark, end=end, other=other_disk).encode()
    with deployed(tmp_path, tree, programs={GRUB_INSTALL: script}) as system:
        with pytest.raises(BootloaderError, match=reason):
            install(system)
        assert boot_code(system) == bytes(440)
        assert system.content("/seen").startswith(b"2 "), "it did not run"
        assert system.content("/escaped") == b""
        leaves_nothing_behind(system)
    assert other_disk.read_bytes()[:4] == b"\1\2\3\4"
    assert not processes_with(mark)


INSTALL_PREP = b"""#!/bin/sh
[ "$1 $2 $3" = "--target=powerpc-ieee1275 --recheck --no-nvram" ] || exit 9
mkdir -p /boot/grub/powerpc-ieee1275
{ printf '\\177ELF'; cat /usr/sbin/grub-probe; } >/boot/grub/powerpc-ieee1275/core.elf
cat /boot/grub/powerpc-ieee1275/core.elf >"$4"
"""
CONFIGURE = b"#!/bin/sh\necho menuentry >$2\n%s\n"


@pytest.mark.parametrize(("fails", "is_kept"), [(b"exit 0", True), (b"exit 1", False)])
def test_openfirmware_finds_grub_in_its_partition_or_nothing(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bytes, is_kept: bool
) -> None:
    """Scripts stand in for the GRUB of a PowerPC, and this processor for that one: only the way there is tested."""
    monkeypatch.setitem(grub_findings._ELF_MACHINES, (2, 62), "ppc64le")
    (tree / "usr/lib/grub/powerpc-ieee1275").mkdir(exist_ok=True)
    programs = {GRUB_INSTALL: INSTALL_PREP, "/usr/sbin/grub-mkconfig": CONFIGURE % fails}
    with deployed(tmp_path, tree, table=PREP_TABLE, programs=programs) as system:
        before = boot_code(system)
        if is_kept:
            assert install(system, machine="ppc64le")[0].endswith(f"--no-nvram {system.prep}")
        else:
            with pytest.raises(BootloaderError, match=r"grub-mkconfig.*exit status 1"):
                install(system, machine="ppc64le")
        os.sync()
        assert system.disk.read(MIB, 4) == (b"\x7fELF" if is_kept else bytes(4))
        assert boot_code(system) == before
        leaves_nothing_behind(system)


SPOILER = b"""#!/bin/sh
echo menuentry linux >/boot/grub/grub.cfg
for disk in /dev/loop*; do dd if=/dev/zero of=$disk bs=512 seek=1 count=1 conv=notrunc; done
"""


@pytest.mark.long
def test_a_disk_whose_table_the_image_has_spoilt_does_not_boot(tree: Path, tmp_path: Path) -> None:
    with deployed(tmp_path, tree, programs={"/usr/sbin/grub-mkconfig": SPOILER}) as system:
        with pytest.raises(BootloaderError, match=r"GPT|partition table"):
            install(system)
        assert boot_code(system) == bytes(440)


def test_an_image_whose_folders_are_links_is_not_run(small_tree: Path, tmp_path: Path) -> None:
    with deployed(tmp_path, small_tree) as system:
        place = f"{system.disk.path}?offset={2 * MIB}"
        run("debugfs", "-w", "-R", f"symlink dev {tmp_path}", place)
        with pytest.raises(BootloaderError, match="something else in the place of its folders dev"):
            install(system)
        assert list(tmp_path.glob("null")) == []
