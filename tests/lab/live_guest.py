"""A live system that reaches its only program seconds after the kernel: Debian's kernel, a ramdisk of one file, an image of both.

It prints ``live guest ready:`` and the kernel's arguments, then obeys lines on the serial line (``r`` reboots, ``s`` shuts down). The
image is a CD for BIOS and UEFI, and a disk too, as the deploy ramdisk's own images are: all its loaders read what firmware shows them.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.lab.boot_loaders import LOADERS
from tests.lab.enrol import BUILD
from tests.lab.program import run

READY = r"live guest ready: (.*) \(that is all\)"
"""A whole line; the group is the kernel's arguments."""
CONSOLE = "console=ttyS0,115200 no_timer_check"
_SOURCE = Path(__file__).with_name("live_guest.c")
_MAKE_ISO = Path(__file__).resolve().parents[2] / "image-build/make-iso"
_REGULAR, _FOLDER = 0o100755, 0o040755


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveGuest:
    """Its two files."""

    kernel: Path
    ramdisk: Path


def make_live_guest(folder: Path) -> LiveGuest:
    """Compile the program and put it into a ramdisk of its own, ``live.initramfs``, beside ``live.vmlinuz``."""
    program = folder / "live.init"
    words = ("-static", "-nostdlib", "-fno-stack-protector", "-Os", "-s")
    run("gcc", *words, "-o", str(program), str(_SOURCE), timeout_s=60)
    guest = LiveGuest(kernel=folder / "live.vmlinuz", ramdisk=folder / "live.initramfs")
    shutil.copyfile(BUILD / "ramdisk/ingot.vmlinuz", guest.kernel)
    entries = (
        _entry(1, "proc", _FOLDER),
        _entry(2, "init", _REGULAR, program.read_bytes()),
        _entry(0, "TRAILER!!!", 0),
    )
    guest.ramdisk.write_bytes(b"".join(entries))
    return guest


def make_live_image(guest: LiveGuest, arguments: str) -> Path:
    """Return ``live.iso`` beside the guest's files; the loaders must have been fetched (``boot_loaders.fetch_loaders``)."""
    name = guest.kernel.with_suffix("")
    argv = (f"INGOT_LOADERS={LOADERS}", str(_MAKE_ISO), str(name), f"{CONSOLE} {arguments}")
    run("env", *argv, timeout_s=120)
    return name.with_suffix(".iso")


def _entry(number: int, name: str, mode: int, data: bytes = b"") -> bytes:
    """Return one file of a ramdisk (cpio "newc", the kernel's ``Documentation/driver-api/early-userspace/buffer-format.rst``)."""
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return _aligned(head) + _aligned(data)


def _aligned(data: bytes) -> bytes:
    return data.ljust(-(-len(data) // 4) * 4, b"\0")
