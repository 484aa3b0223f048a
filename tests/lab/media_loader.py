"""The boot loader that real Ironic puts on the virtual media that it makes: an EFI system partition with Debian's signed shim and GRUB.

Ironic's guide leaves this image to the operator (``[conductor]bootloader``). Debian's GRUB reads ``/EFI/debian/grub.cfg`` of the
partition that it came from; there, it is told to go on with what Ironic writes on the medium.
"""

from pathlib import Path

from tests.lab.boot_loaders import LOADERS
from tests.lab.program import run

GRUB_CONFIG = "boot/grub/grub.cfg"
"""On the medium; Ironic's setting ``grub_config_path``."""
_MARK = "/boot/grub/efiboot.img"
"""What is on a medium of Ironic's and nowhere else (ironic/common/images.py); its label is another where the network is described."""
_SIZE_BYTES = 8 << 20


def make_media_loader(folder: Path) -> Path:
    """Write the image into ``folder``; the loaders must have been fetched (``fetch_loaders``)."""
    image, config = folder / "esp.img", folder / "grub.cfg"
    config.write_text(
        f"search --no-floppy --set=root --file {_MARK}\nset prefix=($root)/boot/grub\nconfigfile /{GRUB_CONFIG}\n"
    )
    with image.open("wb") as file:
        file.truncate(_SIZE_BYTES)
    library = LOADERS / "usr/lib"
    run("/usr/sbin/mkfs.fat", str(image))
    run("mmd", "-i", str(image), "::EFI", "::EFI/BOOT", "::EFI/debian")
    for source, target in (
        (library / "shim/shimx64.efi.signed", "EFI/BOOT/BOOTX64.EFI"),
        (library / "grub/x86_64-efi-signed/grubx64.efi.signed", "EFI/BOOT/grubx64.efi"),
        (config, "EFI/debian/grub.cfg"),
    ):
        run("mcopy", "-i", str(image), str(source), f"::{target}")
    return image
