"""The root filesystem of the small Debian system as a partition image: with a UEFI boot loader in it, or with GRUB's packages for BIOS."""

import re
from pathlib import Path

from agent.disks.mounted_files import in_own_namespace
from tests.integration.grub_images import debian_with_grub
from tests.lab.enrol import BUILD
from tests.lab.program import run

ESP, ROOT = 2, 3


def cut_out(image: Path, number: int, file: Path) -> Path:
    """Copy a partition of the image into a file."""
    shown = run("sgdisk", f"--info={number}", str(image))
    first, last = (
        int(found[1])
        for found in (re.search(rf"{word} sector: (\d+)", shown) for word in ("First", "Last"))
        if found
    )
    words = (f"skip={first * 512}", f"count={(last + 1 - first) * 512}")
    flags = "iflag=skip_bytes,count_bytes"
    run("dd", f"if={image}", f"of={file}", "bs=1M", *words, flags, "conv=sparse", "status=none")
    return file


def root_with_loader(folder: Path) -> Path:
    """Return the root filesystem of the small Debian system, compressed, with what its ESP holds put into /boot/efi."""
    image = BUILD / "os-image/debian.raw"
    esp, root = cut_out(image, ESP, folder / "esp.img"), cut_out(image, ROOT, folder / "root.img")
    files = folder / "efi"
    files.mkdir()
    run("mcopy", "-s", "-i", str(esp), "::EFI", str(files))
    orders = ["mkdir /boot/efi"]
    for path in sorted(files.rglob("*")):
        place = f"/boot/efi/{path.relative_to(files)}"
        orders.append(f"mkdir {place}" if path.is_dir() else f"write {path} {place}")
    script = folder / "orders"
    script.write_text("\n".join(orders) + "\n")
    run("debugfs", "-w", "-f", str(script), str(root))
    run("zstd", "-q", "-1", str(root), timeout_s=300)
    return root.with_suffix(".img.zst")


SETTINGS_OF_GRUB = """GRUB_TIMEOUT=0
GRUB_TERMINAL=console
GRUB_CMDLINE_LINUX="rw quiet console=tty0 console=ttyS0,115200 no_timer_check"
"""


def root_with_grub(folder: Path) -> Path:
    """Return the root filesystem of the small Debian system, compressed, with the packages of GRUB for BIOS and without its configuration."""
    root = cut_out(BUILD / "os-image/debian.raw", ROOT, folder / "root.img")
    tree, target = debian_with_grub(folder), folder / "target"
    (tree / "etc/default/grub").write_text(SETTINGS_OF_GRUB)
    target.mkdir()

    def fill() -> None:
        run("mount", "-o", "loop", str(root), str(target))
        packed = str(folder / "tree.tar")
        run("tar", "--directory", str(tree), "--create", "--file", packed, "--exclude=./dev", ".")
        run("tar", "--directory", str(target), "--keep-directory-symlink", "-xf", packed)
        (target / "boot/grub/grub.cfg").unlink()
        run("umount", str(target))

    in_own_namespace(fill)
    run("zstd", "-q", "-1", str(root), timeout_s=300)
    return root.with_suffix(".img.zst")
