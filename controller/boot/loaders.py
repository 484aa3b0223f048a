"""The first loaders that firmware fetches: where their files are, and the folder that TFTP serves."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from controller.boot.child import run_once
from controller.errors import SettingsError
from controller.settings import Settings

BIOS_LOADER = "undionly.kpxe"
UEFI_LOADER = "snponly.efi"
ARM_LOADER = "snponly-arm64.efi"
SHIM = "shimx64.efi"
"""Signed by Microsoft; fetches ``GRUB`` from where it came from itself, and checks its signature."""
GRUB = "grubx64.efi"
"""The name that shim asks for."""
DISK_GRUB = "gcdx64.efi"
"""GRUB that reads its configuration from the medium that it was started from."""

BIOS_GRUB = "grub.0"
"""GRUB as a PXE boot program, made of its modules at each start."""

_SIGNED: Mapping[str, str] = MappingProxyType(
    {
        SHIM: "shim/shimx64.efi.signed",
        GRUB: "grub/x86_64-efi-signed/grubnetx64.efi.signed",
        DISK_GRUB: "grub/x86_64-efi-signed/gcdx64.efi.signed",
    }
)
"""Below ``grub_directory``, where Debian's packages shim-signed and grub-efi-amd64-signed have them."""
BIOS_MODULES = "grub/i386-pc"
"""Likewise; Debian's package grub-pc-bin has them."""
_IN_CORE = (
    *("pxe", "tftp", "normal", "linux", "boot", "configfile", "echo", "sleep", "test", "true"),
    *("regexp", "smbios", "biosdisk", "chain", "minicmd", "reboot", "search", "search_fs_file"),
)
"""What GRUB for BIOS needs for the first script and for every answer."""
_MKIMAGE_TIMEOUT_S = 60.0
_IPXE = (BIOS_LOADER, UEFI_LOADER, ARM_LOADER)


def find_loader(name: str, settings: Settings) -> Path | None:
    """Return the file of a loader; ``None`` = it is none of ours, or not installed."""
    if name in _IPXE:
        path = Path(settings.tftp_directory) / name
    elif name in _SIGNED:
        path = Path(settings.grub_directory) / _SIGNED[name]
    else:
        return None
    return path if path.is_file() else None


def missing_grub(settings: Settings, *, is_bios: bool = False) -> tuple[str, ...]:
    """Return the files and programs of GRUB for one kind of firmware that are not installed; none = machines can be given GRUB."""
    folder = Path(settings.grub_directory)
    if is_bios:
        core = folder / BIOS_MODULES / "pxeboot.img"
        program = () if shutil.which("grub-mkimage") else ("grub-mkimage",)
        return (*(() if core.is_file() else (str(core),)), *program)
    names = [name for name in _SIGNED if find_loader(name, settings) is None]
    return tuple(str(folder / _SIGNED[name]) for name in names)


def lay_out(root: Path, settings: Settings, grub_script: str) -> None:
    """Make the folder that TFTP serves anew: links to the loaders that are installed, and GRUB's first script.

    Args:
        root: The folder.
        settings: Say where the loaders are.
        grub_script: The same for all machines; whatever differs is asked for by it.

    Raises:
        SettingsError: GRUB for BIOS is installed, but cannot be made.
    """
    shutil.rmtree(root, ignore_errors=True)
    (root / "grub").mkdir(parents=True)
    for name in (*_IPXE, *_SIGNED):
        if path := find_loader(name, settings):
            (root / name).symlink_to(path.resolve())
    (root / "grub/grub.cfg").write_text(grub_script)
    if not missing_grub(settings, is_bios=True):
        _make_bios_grub(root / BIOS_GRUB, Path(settings.grub_directory) / BIOS_MODULES)


def _make_bios_grub(target: Path, modules: Path) -> None:
    """Make GRUB's PXE boot program; it reads ``grub/grub.cfg`` from where it came from.

    Raises:
        SettingsError: ``grub-mkimage`` cannot do it.
    """
    argv = ["grub-mkimage", "--format=i386-pc-pxe", f"--directory={modules}", "--prefix=/grub"]
    words = run_once([*argv, f"--output={target}", *_IN_CORE], timeout_s=_MKIMAGE_TIMEOUT_S)
    if words:
        raise SettingsError(
            f"GRUB for BIOS could not be made of {modules}: {words}; install grub-pc-bin anew, or set grub_directory to a "
            "folder without it"
        )
