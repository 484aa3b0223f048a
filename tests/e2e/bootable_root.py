"""A small whole-disk image that shows which firmware has started it, also from a mirror: GRUB's configuration says a banner."""

from pathlib import Path

from tests.integration.disk_images import MIB
from tests.lab.disks.bootable_image import make_bootable_image
from tests.lab.program import run

BANNER = "a mirror is here"
ROOT_BYTES = 16 * MIB


def make_image(folder: Path) -> bytes:
    """Return a whole-disk image: an ESP with iPXE, and an ext4 root with a configuration of GRUB that says a banner."""
    image = folder / "image.raw"
    make_bootable_image(image, size_bytes=6 * MIB + ROOT_BYTES, banner=BANNER, seed=3)
    (folder / "root/boot/grub").mkdir(parents=True)
    (folder / "root/boot/grub/grub.cfg").write_text(
        f"serial --unit=0 --speed=115200\nterminal_output serial\necho '{BANNER}'\nsleep 600\n"
    )
    root = folder / "root.img"
    run("mke2fs", "-q", "-t", "ext4", "-d", str(folder / "root"), str(root), "16M")
    with image.open("r+b") as file:
        file.seek(5 * MIB)
        file.write(root.read_bytes())
    return image.read_bytes()
