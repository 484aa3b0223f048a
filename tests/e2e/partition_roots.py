"""The root filesystem of the small Debian system alone, with a boot loader of its own, and a machine that it is deployed on."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.disks.mounted_files import in_own_namespace
from tests.integration.grub_images import debian_with_grub
from tests.lab.api_client import ApiClient
from tests.lab.controller import Setting
from tests.lab.demo.keys import make_key
from tests.lab.demo.proof import wait_for_system
from tests.lab.enrol import BUILD, config_drive, make_deployable, publish_image
from tests.lab.hardware import Bus, Disk, Firmware
from tests.lab.lab import Lab
from tests.lab.program import run

ESP, ROOT = 2, 3
SETTINGS_OF_GRUB = """GRUB_TIMEOUT=0
GRUB_TERMINAL=console
GRUB_CMDLINE_LINUX="rw quiet console=tty0 console=ttyS0,115200 no_timer_check"
"""


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
    """Return the root filesystem, with what the ESP of the small Debian system holds put into /boot/efi."""
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
    return root


def root_with_grub(folder: Path) -> Path:
    """Return the root filesystem, with the packages of GRUB for BIOS and without its configuration."""
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
    return root


def packed(root: Path) -> Path:
    """Return the filesystem compressed by zstd."""
    run("zstd", "-q", "-1", str(root), timeout_s=300)
    return root.with_suffix(".img.zst")


def as_qcow2(root: Path) -> Path:
    """Return the filesystem as a compressed qcow2 image."""
    image = root.with_suffix(".qcow2")
    run("qemu-img", "convert", "-c", "-O", "qcow2", str(root), str(image), timeout_s=300)
    return image


def deploy_and_wait(
    lab: Lab,
    root: Path,
    settings: Mapping[str, Setting],
    machine: tuple[Firmware, Bus, int],
    **wishes: Any,
) -> None:
    """Deploy a root filesystem on a new machine and wait for the login prompt of its system.

    Args:
        lab: Where.
        root: The image.
        settings: The controller's.
        machine: Its firmware, the bus of its disk, and its memory in MiB.
        wishes: More of the node's ``instance_info``.
    """
    controller = lab.controller(settings=settings)
    firmware, bus, memory_mib = machine
    made = lab.machine(
        name="m1",
        firmware=firmware,
        memory_mib=memory_mib,
        disks=(Disk(size_bytes=4 << 30, bus=bus),),
    )
    image, key = publish_image(lab, root), make_key(lab.scratch)
    with lab.network.inside():
        api = ApiClient(controller.url)
        make_deployable(
            api,
            made,
            image,
            image_type="partition",
            root_gb=2,
            swap_mb=64,
            grow_root_filesystem=True,
            **wishes,
        )
        mark = made.console.mark()
        api.provision("m1", "active", configdrive=config_drive("part-1", key))
        node = api.wait_for_state("m1", "active", timeout_s=1200)
        assert node["last_error"] is None
        wait_for_system(made, hostname="part-1", key=key, since=mark, timeout_s=300)
