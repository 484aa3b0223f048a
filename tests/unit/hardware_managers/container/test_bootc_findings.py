"""A disk is what was ordered, or the installation has failed, whatever the installer said."""

from typing import Any

import pytest

from agent.disks.partition_table import Partition
from agent.errors import ImageError
from hardware_managers.container.bootc.findings import FoundPartition, check_installed

MIB = 1 << 20


def found(number: int, kind: str, *, is_esp: bool = False, name: str = "") -> FoundPartition:
    part = Partition(
        number=number, start_byte=number * MIB, size_bytes=MIB, is_esp=is_esp, name=name
    )
    return FoundPartition(part=part, kind=kind)


ESP = found(1, "vfat", is_esp=True, name="EFI-SYSTEM")
ROOT = found(2, "ext4", name="root")


def check(*parts: FoundPartition, **differs: Any) -> None:
    asked: dict[str, Any] = {
        "boot_code": b"",
        "image": "oci://registry/os",
        "boot_mode": "uefi",
        "architecture": "x86_64",
        "is_encrypted": False,
    }
    check_installed(parts, **asked | differs)


def test_a_whole_system_is_one() -> None:
    check(ESP, ROOT)
    check(ESP, found(2, "crypto_LUKS"), is_encrypted=True)
    check(ROOT, boot_mode="bios", boot_code=b"\0\xeb")
    check(found(1, ""), ROOT, boot_mode="bios", architecture="ppc64le")  # from a PReP partition


@pytest.mark.parametrize(
    ("parts", "differs", "complaint"),
    [
        ((), {}, "no partition with a root filesystem; it has: nothing"),
        ((ESP, found(2, "", name="root")), {}, "2: 'root' 1048576 bytes, nothing known in it"),
        ((ESP, found(2, "swap")), {}, "no partition with a root filesystem"),
        ((ESP, ROOT), {"is_encrypted": True}, "nothing on the disk is encrypted"),
        ((ROOT,), {}, "no EFI system partition, and this machine boots in UEFI mode"),
        ((ESP, ROOT), {"boot_mode": "bios", "boot_code": bytes(440)}, "no boot code"),
    ],
)
def test_half_a_system_is_refused_with_what_is_there(
    parts: tuple[FoundPartition, ...], differs: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ImageError, match=complaint):
        check(*parts, **differs)


def test_names_from_the_disk_cannot_rewrite_a_terminal() -> None:
    assert str(found(1, "ext4", name="ro\x1b[2Jot")) == "1: 'ro[2Jot' 1048576 bytes, ext4"
