"""A root filesystem alone is deployed, becomes a system that UEFI firmware starts, and finds its config drive."""

import hashlib
import re
from pathlib import Path

import pytest

from tests.lab.api_client import ApiClient
from tests.lab.demo.keys import make_key
from tests.lab.demo.proof import wait_for_system
from tests.lab.enrol import BUILD, config_drive, enrol, make_available, ramdisk_settings
from tests.lab.hardware import Bus, Disk, Firmware
from tests.lab.lab import Lab
from tests.lab.program import run

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1500)]
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


def test_a_root_filesystem_is_deployed_and_boots_under_uefi(logs: Path) -> None:
    with Lab(workdir=logs) as lab:
        controller = lab.controller(settings=ramdisk_settings())
        machine = lab.machine(
            name="m1",
            firmware=Firmware.UEFI,
            memory_mib=1024,
            disks=(Disk(size_bytes=4 << 30, bus=Bus.NVME),),
        )
        root, key = root_with_loader(lab.scratch), make_key(lab.scratch)
        url = lab.http.publish(root.name, root)
        with lab.network.inside():
            api = ApiClient(controller.url)
            enrol(api, machine)
            make_available(api, "m1", clean=False)
            api.set_instance(
                "m1",
                image_source=url,
                image_os_hash_algo="sha256",
                image_os_hash_value=hashlib.sha256(root.read_bytes()).hexdigest(),
                image_type="partition",
                root_gb=2,
                swap_mb=64,
                grow_root_filesystem=True,
            )
            mark = machine.console.mark()
            api.provision("m1", "active", configdrive=config_drive("part-1", key))
            node = api.wait_for_state("m1", "active", timeout_s=1200)
            assert node["last_error"] is None
            wait_for_system(machine, hostname="part-1", key=key, since=mark, timeout_s=300)
