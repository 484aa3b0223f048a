"""What starts a BIOS from a medium: GRUB's program for CDs, made of its modules once, and its boot sector for disks."""

import tempfile
from functools import lru_cache
from pathlib import Path

from controller.boot.child import run_once
from controller.boot.iso_image import BiosBoot
from controller.boot.loaders import BIOS_MODULES
from controller.errors import Invalid
from controller.settings import Settings

_MODULES = (
    *("biosdisk", "iso9660", "part_msdos", "search", "search_label", "search_fs_file", "normal"),
    *("linux", "boot", "configfile", "echo", "sleep", "reboot", "test", "true", "serial"),
    "terminal",
)
_FILES = ("cdboot.img", "diskboot.img", "boot_hybrid.img")
_TIMEOUT_S = 60.0


def find_bios_boot(settings: Settings, label: str) -> BiosBoot | None:
    """Return what starts a BIOS from a volume of this name; ``None`` = GRUB's modules are not installed.

    Raises:
        Invalid: They are, but nothing can be made of them.
    """
    folder = Path(settings.grub_directory) / BIOS_MODULES
    if not all((folder / name).is_file() for name in _FILES):
        return None
    return _made(folder, label)


@lru_cache(maxsize=4)
def _made(folder: Path, label: str) -> BiosBoot:
    with tempfile.TemporaryDirectory(prefix="ingot-grub-") as work:
        target, config = Path(work) / "cd.img", Path(work) / "grub.cfg"
        lines = (f"search --no-floppy --set=root --label {label}", "set prefix=($root)/boot/grub")
        config.write_text("\n".join(lines) + "\n")
        argv = ["grub-mkimage", "--format=i386-pc-eltorito", f"--directory={folder}"]
        argv += ["--prefix=/boot/grub", f"--config={config}", f"--output={target}", *_MODULES]
        if words := run_once(argv, timeout_s=_TIMEOUT_S):
            raise Invalid(
                f"GRUB for BIOS could not be made of {folder}: {words}; install grub-pc-bin and grub-common anew"
            )
        return BiosBoot(
            program=target.read_bytes(), boot_sector=(folder / "boot_hybrid.img").read_bytes()
        )
