"""What a disk must hold when the image's program has ended with success, or it was none. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.disks.partition_table import Partition
from agent.errors import ImageError

_ENCRYPTED = "crypto_LUKS"
_NO_ROOTS = frozenset({"", "vfat", "swap", "iso9660"})
"""Types of file systems, as blkid names them, that no Linux system has as its root."""
_MBR_PROCESSORS = frozenset({"x86_64", "i686"})
_LONGEST_NAME = 36


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPartition:
    """A partition and the type of what is in it, as blkid names it; empty = nothing that it knows."""

    part: Partition
    kind: str

    def __str__(self) -> str:
        """Return it in words."""
        name = "".join(c for c in self.part.name if c.isprintable())[:_LONGEST_NAME]
        named = f" {name!r}" if name else ""
        return f"{self.part.number}:{named} {self.part.size_bytes} bytes, {self.kind or 'nothing known in it'}"


def check_installed(
    found: Sequence[FoundPartition],
    *,
    boot_code: bytes,
    image: str,
    boot_mode: str,
    architecture: str,
    is_encrypted: bool,
) -> None:
    """Refuse a disk that cannot be what was ordered, whatever the installer said.

    A UEFI machine's loader is looked for where its boot entry is made.

    Args:
        found: Its partitions.
        boot_code: What is before the partition table in its first sector.
        image: Names it in messages.
        boot_mode: Of the machine.
        architecture: Of the machine, as ``uname -m`` has it.
        is_encrypted: Whether it was asked for an encrypted root filesystem.

    Raises:
        ImageError: Says what is missing, and what is there.
    """
    shown = "; ".join(map(str, found)) or "nothing"
    if not any(one.kind not in _NO_ROOTS for one in found):
        raise ImageError(
            f"{image}: its bootc ended with success, and the disk has no partition with a root filesystem; it has: {shown}"
        )
    if is_encrypted and not any(one.kind == _ENCRYPTED for one in found):
        raise ImageError(
            f"{image}: its bootc ended with success, and nothing on the disk is encrypted, though bootc_tpm2_luks was asked"
            f" for; it has: {shown}"
        )
    if boot_mode == "uefi" and not any(one.part.is_esp for one in found):
        raise ImageError(
            f"{image}: its bootc made no EFI system partition, and this machine boots in UEFI mode; the disk has: {shown}; use"
            " an image with a boot loader for UEFI, or set the node's boot_mode to bios"
        )
    is_pc = architecture in _MBR_PROCESSORS
    if boot_mode == "bios" and is_pc and not any(boot_code):
        raise ImageError(
            f"{image}: its bootc wrote no boot code, and this machine boots in BIOS mode; the disk has: {shown}; use an image"
            " with a boot loader for BIOS, or boot the machine in UEFI mode"
        )
