"""A root filesystem alone becomes a system that UEFI firmware starts, and that finds its config drive."""

import base64
import gzip
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.images.writer import StreamingImageWriter
from agent.protocol.image import ImageInfo
from agent.system.runner import HostRunner
from tests.e2e.test_os_image_boots import make_iso, make_tree, start
from tests.integration.disk_images import sha256
from tests.integration.image_server import image_server
from tests.integration.loop_disk import loop_disk
from tests.lab.demo.keys import make_key
from tests.lab.hardware import Bus, Firmware
from tests.lab.lab import Lab
from tests.lab.program import run

REPOSITORY = Path(__file__).resolve().parents[2]
DISK_BYTES = 2 << 30  # as large as the disk of the machine that boots it
ESP, ROOT = 2, 3
BOOT_S = 500

pytestmark = [
    pytest.mark.vm,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.geteuid() != 0, reason="a lab needs root"),
]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(workdir=tmp_path) as made:
        yield made


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
    """Return the root filesystem of the small Debian system, with what its ESP holds put into /boot/efi."""
    run(str(REPOSITORY / "image-build/os-image/build"), timeout_s=900)
    image = REPOSITORY / "build/os-image/debian.raw"
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


def test_a_root_filesystem_boots_under_uefi_with_swap_and_its_config_drive(lab: Lab) -> None:
    root = root_with_loader(lab.scratch)
    key = make_key(lab.scratch)
    tree = make_tree(lab.scratch, {"hostname": "part-1", "public_keys": {"k": key.public}})
    drive = base64.b64encode(gzip.compress(make_iso(tree).read_bytes())).decode()
    run("zstd", "-q", "-1", str(root), timeout_s=300)
    content = root.with_suffix(".img.zst").read_bytes()
    with image_server() as server, loop_disk(lab.scratch, DISK_BYTES, noise=False) as disk:
        image = ImageInfo(
            id="root.img",
            urls=[server.serve("root.img", content)],
            checksum=sha256(content),
            image_type="partition",
            deploy_boot_mode="uefi",
            root_mb=1100,
            swap_mb=64,
            ephemeral_mb=64,
            grow_root_filesystem=True,
        )
        written = StreamingImageWriter(HostRunner()).write_image(
            image, drive, disk.device(), lambda _report: None
        )
        assert written.efi_system_partition_uuid
        copy = lab.scratch / "deployed.raw"
        run("cp", "--sparse=always", str(disk.file), str(copy), timeout_s=300)
    machine = start(lab, copy, firmware=Firmware.UEFI, bus=Bus.NVME)
    ready = machine.console.wait_for("INGOT-OS-READY .* firmware=(bios|uefi)$", timeout_s=BOOT_S)
    assert ready.text.strip() == (
        f"INGOT-OS-READY hostname=part-1 keys=1 fingerprint={key.fingerprint} "
        "booted_from=ROOT-1 firmware=uefi"
    )
