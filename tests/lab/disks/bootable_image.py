"""A small whole-disk image that says its name under BIOS and UEFI, with enough noise in it to notice a missing byte."""

import random
from pathlib import Path

from tests.lab import tiny_guest
from tests.lab.program import run

MIB = 1 << 20
UEFI_PROGRAM = Path("/usr/lib/ipxe/ipxe.efi")
UEFI_BANNER = "iPXE initialising devices"
_BOOT_CODE_BYTES = 440
_ESP_MIB = 4


def make_bootable_image(path: Path, *, size_bytes: int, banner: str, seed: int) -> None:
    """Write a GPT image: boot code that prints ``banner``, an ESP with iPXE, and a partition of noise, text and holes.

    Args:
        path: The file to make.
        size_bytes: Its size, a multiple of 1 MiB.
        banner: What it prints under BIOS, as long as ``tiny_guest.READY``.
        seed: Of the noise.
    """
    if len(banner) != len(tiny_guest.READY):
        raise ValueError(f"a banner has {len(tiny_guest.READY)} characters, {banner!r} has not")
    path.write_bytes(_content(size_bytes, random.Random(seed)))
    run(
        "sgdisk",
        "--clear",
        f"-n=1:1M:+{_ESP_MIB}M",
        "-t=1:ef00",
        "-n=2:0:0",
        "-c=2:root",
        str(path),
    )
    esp = path.with_suffix(".esp")
    with esp.open("wb") as file:
        file.truncate(_ESP_MIB * MIB)
    run("mkfs.fat", "--invariant", str(esp))
    run("mmd", "-i", str(esp), "::EFI", "::EFI/BOOT")
    run("mcopy", "-i", str(esp), str(UEFI_PROGRAM), "::EFI/BOOT/BOOTX64.EFI")
    code = tiny_guest.boot_sector().replace(tiny_guest.READY.encode(), banner.encode())
    with path.open("r+b") as file:
        file.write(code[:_BOOT_CODE_BYTES])
        file.seek(MIB)
        file.write(esp.read_bytes())
    esp.unlink()


def _content(size_bytes: int, source: random.Random) -> bytes:
    content = bytearray(size_bytes)
    position = 0
    while position < size_bytes:
        length = min(source.choice((4096, 65536, 300_000, 1_500_000)), size_bytes - position)
        match source.randrange(3):
            case 0:
                piece = source.randbytes(length)
            case 1:
                piece = (b"all work and no play " * (length // 21 + 1))[:length]
            case _:
                piece = bytes(length)
        content[position : position + length] = piece
        position += length
    return bytes(content)
