"""A disk is compared with what the image installed from: only what the firmware would really start counts."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.boot.grub_plan import GrubPlan
from agent.boot.grub_proof import check_configuration, check_core
from agent.errors import BootloaderError

MIB = 1 << 20
CORE = bytes(range(1, 251)) * 120
PLAN = GrubPlan(
    install=("/usr/sbin/grub-install",),
    make_configuration=("/usr/sbin/grub-mkconfig",),
    core="/boot/grub/i386-pc/core.img",
    configuration="/boot/grub/grub.cfg",
    start_byte=MIB,
    end_byte=2 * MIB,
    is_prep=False,
)


def disk_with(core: bytes = CORE, sector: int = 2048, rest: int = 2049) -> bytearray:
    """Return a disk as grub-install leaves it: two sectors are told where they are."""
    disk = bytearray(3 * MIB)
    disk[:4] = b"\xeb\x63\x90\x00"
    struct.pack_into("<Q", disk, 0x5C, sector)
    disk[MIB : MIB + len(core)] = core
    struct.pack_into("<Q", disk, MIB + 0x1F4, rest)
    disk[MIB + 600] ^= 0xFF
    return disk


def check(disk: bytearray, core: bytes | None = CORE, plan: GrubPlan = PLAN) -> int:
    return check_core(plan, core, lambda start, size: bytes(disk[start : start + size]))


def test_what_grub_install_leaves_is_found() -> None:
    assert check(disk_with()) == MIB


@pytest.mark.parametrize(
    ("disk", "core", "reason"),
    [
        (disk_with(), None, "left no /boot/grub/i386-pc/core.img behind"),
        (disk_with(), b"short", "left no /boot/grub/i386-pc/core.img behind"),
        (bytearray(3 * MIB), CORE, "wrote no boot code to the first sector"),
        (disk_with(sector=1), CORE, "leads to byte 512, and GRUB belongs between 1048576 and"),
        (disk_with(sector=4095), CORE, "leads to byte 2096640"),
        (disk_with(sector=1 << 63), CORE, "GRUB belongs between"),
        (disk_with(sector=2049), CORE, r"leads to byte 1049088, where its .*core.img is not"),
        (disk_with(rest=3000), CORE, "core.img is not"),
        (disk_with(rest=1 << 63), CORE, "core.img is not"),
        (disk_with(CORE[:3000]), CORE, "core.img is not"),
    ],
)
def test_what_the_firmware_would_not_start_is_an_error(
    disk: bytearray, core: bytes | None, reason: str
) -> None:
    with pytest.raises(BootloaderError, match=reason):
        check(disk, core)


@given(at=st.integers(0, 0x1F3), wrong=st.integers(1, 255))
def test_every_byte_of_the_cores_first_sector_counts(at: int, wrong: int) -> None:
    disk = disk_with()
    disk[MIB + at] ^= wrong
    with pytest.raises(BootloaderError):
        check(disk)


def test_a_prep_partition_begins_with_the_core() -> None:
    plan = GrubPlan(
        install=PLAN.install,
        make_configuration=PLAN.make_configuration,
        core="/boot/grub/powerpc-ieee1275/core.elf",
        configuration=PLAN.configuration,
        start_byte=MIB,
        end_byte=9 * MIB,
        is_prep=True,
    )
    core = b"\x7fELF" + CORE
    disk = bytearray(3 * MIB)
    disk[MIB : MIB + len(core)] = core
    assert check(disk, core, plan) == MIB
    disk[MIB + 20000] ^= 1
    with pytest.raises(BootloaderError, match=r"core\.elf in the PReP partition"):
        check(disk, core, plan)
    with pytest.raises(BootloaderError, match=r"core\.elf in the PReP partition"):
        check(bytearray(3 * MIB), b"no program" * 1000, plan)


def test_a_configuration_has_to_start_something() -> None:
    check_configuration(PLAN, b"menuentry 'x' {\n linux /vmlinuz\n}\n")
    for content in (None, b"", b"set timeout=5\n"):
        with pytest.raises(BootloaderError, match=r"left no /boot/grub/grub.cfg that starts a ker"):
            check_configuration(PLAN, content)
