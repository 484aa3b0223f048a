"""Which findings allow a start without firmware, and what the ramdisk says of its machine."""

import re
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.boot.kexec.kernel_image import HEAD_BYTES, architecture_of
from agent.boot.kexec.machine import read_machine
from agent.boot.kexec.plan import Findings, KexecPlan, MachineState, WhyNot, plan_kexec
from agent.boot.kexec.volumes import FilePlace, LinuxBoot, Volume
from agent.system.sysfs import SysRoot
from tests.unit.agent.boot.kexec.disk_files import ROOT_UUID

MIB = 1 << 20
MACHINE = MachineState(
    architecture="x86_64",
    is_uefi=True,
    secure_boot=False,
    lockdown="none",
    can_kexec=True,
    is_disabled=False,
    available_bytes=512 * MIB,
)
ROOT = Volume(
    number=3, kind="ext4", uuid=ROOT_UUID, label="root", part_uuid="aa-bb", part_label="system"
)
PLACE = FilePlace(volume=ROOT, path="/boot/vmlinuz")


def boot(command_line: str) -> LinuxBoot:
    return LinuxBoot(
        kernel=PLACE, initrds=(PLACE,), command_line=command_line, source="GRUB, Debian"
    )


FINDINGS = Findings(
    machine=MACHINE,
    disk="/dev/vda",
    is_on_array=False,
    volumes=(ROOT,),
    boot=boot(f"BOOT_IMAGE=/boot/vmlinuz root=UUID={ROOT_UUID} ro password=hunter2"),
    kernel_architecture="x86_64",
    kernel_bytes=8 * MIB,
    initrd_bytes=40 * MIB,
)


def why_not(**changes: Any) -> str:
    answer = plan_kexec(replace(FINDINGS, **changes))
    assert isinstance(answer, WhyNot)
    return answer.reason


def test_a_system_on_a_partition_is_started_and_its_command_line_is_not_told() -> None:
    plan = plan_kexec(FINDINGS)
    assert isinstance(plan, KexecPlan)
    assert plan.shown() == {
        "found_by": "GRUB, Debian",
        "kernel": "/boot/vmlinuz of partition 3",
        "initrds": ["/boot/vmlinuz of partition 3"],
        "root": f"UUID={ROOT_UUID}",
    }


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"secure_boot": True}, "Secure Boot is on"),
        ({"lockdown": "integrity"}, r"locked down \(integrity\)"),
        ({"can_kexec": False}, "cannot start another one"),
        ({"is_disabled": True}, "switched off"),
        ({"architecture": "aarch64"}, "the kernel is for x86_64, and the machine is aarch64"),
        ({"available_bytes": 159 * MIB}, "159 MiB of memory left.*takes 160"),
    ],
)
def test_what_speaks_against_it_on_the_machine(changes: dict[str, Any], reason: str) -> None:
    assert re.search(reason, why_not(machine=replace(MACHINE, **changes)))


def test_what_is_not_known_of_the_machine_does_not_speak_against_it() -> None:
    machine = replace(MACHINE, secure_boot=None, lockdown=None, available_bytes=None)
    assert isinstance(plan_kexec(replace(FINDINGS, machine=machine)), KexecPlan)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"boot": "no configuration of GRUB"}, "no configuration of GRUB"),
        ({"is_on_array": True}, "software RAID"),
        ({"volumes": (ROOT, Volume(number=4, kind="linux_raid_member"))}, "software RAID"),
        ({"volumes": (ROOT, Volume(number=4, kind="crypto_LUKS"))}, "encrypted partition"),
        (
            {
                "machine": replace(MACHINE, available_bytes=180 * MIB),
                "boot": replace(boot("root=LABEL=root"), initrds=(PLACE, PLACE)),
            },
            "180 MiB of memory left.*takes 200",
        ),
        ({"kernel_architecture": None}, "in a form that is not known here"),
        ({"kernel_architecture": "i686"}, "the kernel is for i686"),
    ],
)
def test_what_speaks_against_it_on_the_disk(changes: dict[str, Any], reason: str) -> None:
    assert re.search(reason, why_not(**changes))


@pytest.mark.parametrize(
    "root",
    [
        f"root=UUID={ROOT_UUID.upper()}",
        "root=LABEL=root",
        "root=PARTUUID=AA-BB",
        "root=PARTLABEL=system",
        'root="LABEL=root"',
        "root=/dev/vda3",
        "root=UUID=none root=LABEL=root",
    ],
)
def test_a_root_of_the_disk(root: str) -> None:
    assert isinstance(plan_kexec(replace(FINDINGS, boot=boot(f"{root} ro"))), KexecPlan)


@pytest.mark.parametrize(
    ("command_line", "reason"),
    [
        ("ro quiet", "names no root"),
        ("root= ro", "names no root"),
        ("root=UUID=1234", "no partition of /dev/vda"),
        ("root=LABEL=", "no partition of /dev/vda"),
        ("root=/dev/sda3", "no partition of /dev/vda"),
        ("root=/dev/vda1", "no partition of /dev/vda"),
        ("root=/dev/mapper/vg-root", "no partition of /dev/vda"),
        ("root=/dev/md0", "software RAID"),
        ("root=LABEL=root rd.md.uuid=1", "software RAID"),
        ("root=LABEL=root rd.luks.uuid=1", "encrypted"),
        ("root=LABEL=root cryptdevice=/dev/vda2:x", "encrypted"),
        ("root=live:http://x/y", "no partition of /dev/vda"),
        ("root=LABEL=root x=" + "y" * 2048, "more than 2047"),
        ("root=LABEL=root x=\x07", "control characters"),
    ],
)
def test_a_command_line_that_cannot_be_used(command_line: str, reason: str) -> None:
    assert re.search(reason, why_not(boot=boot(command_line)))


@pytest.mark.parametrize("root", ["root=/dev/mapper/vg-root", "root=/dev/vg/root", "root=UUID=5"])
def test_a_root_in_lvm_is_left_to_the_initial_ramdisk(root: str) -> None:
    volumes = (ROOT, Volume(number=4, kind="LVM2_member"))
    assert isinstance(plan_kexec(replace(FINDINGS, volumes=volumes, boot=boot(root))), KexecPlan)


def test_a_disk_whose_name_ends_with_a_digit() -> None:
    findings = replace(FINDINGS, disk="/dev/nvme0n1", boot=boot("root=/dev/nvme0n1p3"))
    assert isinstance(plan_kexec(findings), KexecPlan)


@given(st.text(max_size=200))
def test_any_command_line_has_an_answer(command_line: str) -> None:
    answer = plan_kexec(replace(FINDINGS, boot=boot(command_line)))
    assert isinstance(answer, KexecPlan) or answer.reason


def x86_kernel(version: int = 0x020F, flags: int = 0x3F) -> bytes:
    head = bytearray(HEAD_BYTES)
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", head, 0x206, version)
    struct.pack_into("<H", head, 0x236, flags)
    return bytes(head)


def test_kernels_are_known_by_their_heads() -> None:
    arm = bytes(56) + b"ARM\x64" + bytes(HEAD_BYTES)
    assert architecture_of(x86_kernel()) == "x86_64"
    assert architecture_of(x86_kernel(flags=0)) == "i686"
    assert architecture_of(x86_kernel(version=0x0206)) == "i686"
    assert architecture_of(arm) == "aarch64"
    for other in (b"", b"\x1f\x8b" * HEAD_BYTES, b"MZ" * HEAD_BYTES, x86_kernel()[:100]):
        assert architecture_of(other) is None


def tree(folder: Path, **files: str | bytes) -> SysRoot:
    for name, content in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return SysRoot(folder)


def test_the_state_of_a_machine(tmp_path: Path) -> None:
    nothing = read_machine(SysRoot(tmp_path), "x86_64")
    assert nothing == MachineState(
        architecture="x86_64",
        is_uefi=False,
        secure_boot=None,
        lockdown=None,
        can_kexec=False,
        is_disabled=False,
        available_bytes=None,
    )
    variable = tmp_path / "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
    variable.parent.mkdir(parents=True)
    variable.write_bytes(b"\6\0\0\0\1")
    files = {
        "sys__kernel__security__lockdown": "none [integrity] confidentiality\n",
        "sys__kernel__kexec_loaded": "0\n",
        "proc__sys__kernel__kexec_load_disabled": "1\n",
        "proc__meminfo": "MemTotal:  1000 kB\nMemAvailable:     512 kB\n",
    }
    found = read_machine(tree(tmp_path, **files), "x86_64")
    assert (found.is_uefi, found.secure_boot, found.lockdown) == (True, True, "integrity")
    assert (found.can_kexec, found.is_disabled, found.available_bytes) == (True, True, 512 << 10)
    variable.write_bytes(b"\6\0\0\0\0")
    assert read_machine(SysRoot(tmp_path)).secure_boot is False


def test_the_last_load_may_have_been_used_up(tmp_path: Path) -> None:
    root = tree(tmp_path, proc__sys__kernel__kexec_load_limit_reboot="0\n")
    assert read_machine(root).is_disabled
    root = tree(tmp_path, proc__sys__kernel__kexec_load_limit_reboot="-1\n")
    assert not read_machine(root).is_disabled
