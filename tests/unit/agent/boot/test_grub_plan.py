"""GRUB's plan for machines without UEFI: what is run is right, and what cannot boot is refused with words."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.boot.grub_plan import (
    BiosFindings,
    DiskFindings,
    RootFindings,
    plan_bios_bootloader,
    programs,
)
from agent.disks.partition_table import Partition
from agent.errors import BootloaderError

MIB = 1 << 20
PART = Partition(number=1, start_byte=MIB, size_bytes=MIB)
GPT = DiskFindings(name="vda", sector_bytes=512, is_gpt=True, reserved=PART, reserved_name="vda1")
MBR = DiskFindings(name="vda", sector_bytes=512, is_gpt=False, reserved=None, gap_end_byte=MIB)
DEBIAN = RootFindings(
    kind="ext4",
    processors={"/usr/sbin/grub-install": "x86_64", "/usr/sbin/grub-mkconfig": "x86_64"},
    platforms=frozenset({"i386-pc"}),
)
FEDORA = RootFindings(
    kind="xfs",
    processors={f"/usr/sbin/grub2-{action}": "ppc64le" for action in ("install", "mkconfig")},
    platforms=frozenset({"powerpc-ieee1275"}),
)
FINDINGS = BiosFindings(machine="x86_64", disk=GPT, root=DEBIAN)


def test_debian_on_a_gpt() -> None:
    plan = plan_bios_bootloader(FINDINGS)
    assert plan.install == (
        "/usr/sbin/grub-install",
        "--target=i386-pc",
        "--recheck",
        "/dev/vda",
    )
    assert plan.make_configuration == ("/usr/sbin/grub-mkconfig", "-o", "/boot/grub/grub.cfg")
    assert (plan.core, plan.is_prep) == ("/boot/grub/i386-pc/core.img", False)
    assert (plan.start_byte, plan.end_byte) == (MIB, 2 * MIB)


def test_debian_behind_an_mbr() -> None:
    plan = plan_bios_bootloader(replace(FINDINGS, disk=MBR))
    assert plan.install[-1] == "/dev/vda"
    assert (plan.start_byte, plan.end_byte) == (512, MIB)


@pytest.mark.parametrize("is_gpt", [True, False])
@pytest.mark.parametrize("sector_bytes", [512, 4096])
def test_fedora_in_a_prep_partition(is_gpt: bool, sector_bytes: int) -> None:
    disk = replace(GPT, is_gpt=is_gpt, sector_bytes=sector_bytes)
    plan = plan_bios_bootloader(BiosFindings(machine="ppc64le", disk=disk, root=FEDORA))
    assert plan.install == (
        "/usr/sbin/grub2-install",
        "--target=powerpc-ieee1275",
        "--recheck",
        "--no-nvram",
        "/dev/vda1",
    )
    assert plan.make_configuration == ("/usr/sbin/grub2-mkconfig", "-o", "/boot/grub2/grub.cfg")
    assert (plan.core, plan.is_prep) == ("/boot/grub2/powerpc-ieee1275/core.elf", True)
    assert (plan.start_byte, plan.end_byte) == (MIB, 2 * MIB)


def test_of_both_names_of_grub_the_newer_one_counts() -> None:
    both = dict(DEBIAN.processors) | {
        "/usr/bin/grub2-install": "x86_64",
        "/usr/sbin/grub2-mkconfig": "x86_64",
    }
    plan = plan_bios_bootloader(replace(FINDINGS, root=replace(DEBIAN, processors=both)))
    assert plan.install[0] == "/usr/bin/grub2-install"
    assert plan.configuration == "/boot/grub2/grub.cfg"


@pytest.mark.parametrize(
    ("findings", "reason"),
    [
        (replace(FINDINGS, machine="aarch64"), "machines with a aarch64 processor"),
        (
            replace(FINDINGS, disk=replace(GPT, sector_bytes=4096)),
            "a BIOS does not boot disks with sectors of 4096 bytes",
        ),
        (
            replace(FINDINGS, disk=replace(GPT, reserved=None)),
            "a GPT without a BIOS boot partition",
        ),
        (replace(FINDINGS, disk=replace(MBR, gap_end_byte=32256)), "begins at byte 32256"),
        (
            BiosFindings(machine="ppc64le", disk=MBR, root=FEDORA),
            "has no PReP partition, and OpenFirmware starts nothing else",
        ),
        (replace(FINDINGS, root=replace(DEBIAN, kind="btrfs")), "root file system is btrfs"),
        (replace(FINDINGS, root=replace(DEBIAN, kind="")), "of an unknown kind"),
        (
            replace(FINDINGS, root=replace(DEBIAN, odd_folders=("dev", "proc"))),
            "in the place of its folders dev, proc",
        ),
        (
            replace(FINDINGS, root=replace(DEBIAN, processors={})),
            r"the image has no grub-install \(nor grub2-install\)",
        ),
        (
            replace(
                FINDINGS, root=replace(DEBIAN, processors={"/usr/sbin/grub-install": "x86_64"})
            ),
            "the image has no grub-mkconfig",
        ),
        (
            replace(
                FINDINGS, root=replace(DEBIAN, processors={"/usr/sbin/grub-install": "aarch64"})
            ),
            "/usr/sbin/grub-install is for aarch64 and this machine is a x86_64",
        ),
        (
            replace(FINDINGS, root=replace(DEBIAN, platforms=frozenset({"powerpc-ieee1275"}))),
            "the image has no /usr/lib/grub/i386-pc",
        ),
    ],
)
def test_what_cannot_boot_is_refused(findings: BiosFindings, reason: str) -> None:
    with pytest.raises(BootloaderError, match=reason):
        plan_bios_bootloader(findings)


_PARTS = st.none() | st.builds(
    Partition,
    number=st.integers(1, 128),
    start_byte=st.integers(1, 1 << 40).map(lambda n: n * 512),
    size_bytes=st.integers(1, 1 << 20).map(lambda n: n * 512),
)
_PROCESSORS = st.sampled_from(["x86_64", "ppc64le", "aarch64", "i386", "no processor"])
_FINDINGS = st.builds(
    BiosFindings,
    machine=_PROCESSORS,
    disk=st.builds(
        DiskFindings,
        name=st.just("sda"),
        sector_bytes=st.sampled_from([512, 4096]),
        is_gpt=st.booleans(),
        reserved=_PARTS,
        reserved_name=st.just("sda1"),
        gap_end_byte=st.integers(0, 4096).map(lambda n: n * 512),
    ),
    root=st.builds(
        RootFindings,
        kind=st.sampled_from(["ext4", "xfs", "btrfs", ""]),
        processors=st.dictionaries(st.sampled_from(programs()), _PROCESSORS, min_size=1),
        platforms=st.sets(st.sampled_from(["i386-pc", "powerpc-ieee1275"])).map(frozenset),
        odd_folders=st.sampled_from([(), (), ("tmp",)]),
    ),
)


@given(findings=_FINDINGS)
def test_a_plan_runs_only_what_is_there_for_this_machine(findings: BiosFindings) -> None:
    try:
        plan = plan_bios_bootloader(findings)
    except BootloaderError:
        return
    root, disk = findings.root, findings.disk
    for argv in (plan.install, plan.make_configuration):
        assert root.processors[argv[0]] == findings.machine
    platform = plan.install[1].removeprefix("--target=")
    assert platform in root.platforms
    assert plan.is_prep == (findings.machine == "ppc64le") == (platform == "powerpc-ieee1275")
    assert plan.install[-1] == ("/dev/sda1" if plan.is_prep else "/dev/sda")
    assert 0 < plan.start_byte < plan.end_byte
    assert disk.reserved is not None or (not disk.is_gpt and plan.end_byte == disk.gap_end_byte)
    assert not root.odd_folders
