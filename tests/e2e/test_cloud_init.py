"""Debian's own cloud-init finds the config drive that the agent wrote, and does what it says.

The drive is made by the controller from parts, as a client orders it, and goes with the image through the agent's writer.
"""

import json
from pathlib import Path

import pytest

from agent.images.writer import StreamingImageWriter
from agent.protocol.image import ImageInfo
from agent.system.runner import HostRunner
from controller.images.config_drive import build_config_drive
from tests.integration.image_server import image_server
from tests.integration.loop_disk import loop_disk
from tests.lab.demo.keys import SshKey, make_key
from tests.lab.hardware import BootDevice, Disk, Firmware
from tests.lab.lab import Lab
from tests.lab.program import run

REPOSITORY = Path(__file__).resolve().parents[2]
DISK_BYTES = 2 << 30
BUILD_S = 1200
BOOT_S = 900
REPORT = "INGOT-CLOUD-INIT"

pytestmark = [pytest.mark.cloud_init, pytest.mark.timeout(BUILD_S + 2 * BOOT_S)]


@pytest.fixture(scope="module")
def image() -> Path:
    build = REPOSITORY / "image-build/os-image/build"
    run(str(build), "--variant", "cloud-init", timeout_s=BUILD_S)
    return REPOSITORY / "build/os-image/cloud-init.qcow2"


def user_data() -> str:
    """Have cloud-init write a file, and say on the serial line what the system became; JSON is YAML too."""
    report = (
        f"echo {REPORT} host=$(hostname)"
        " key=$(ssh-keygen -l -f /home/debian/.ssh/authorized_keys | cut -d ' ' -f 2)"
        " marker=$(cat /etc/ingot-marker)"
        " source=$(grep -o 'DataSourceConfigDrive[^\"]*' /run/cloud-init/status.json | head -n 1)"
        " end >/dev/ttyS0"
    )
    orders = {
        "ssh_genkeytypes": ["ed25519"],  # the others take a minute under emulation
        "write_files": [{"path": "/etc/ingot-marker", "content": "written-by-cloud-init"}],
        "runcmd": [["sh", "-c", report]],
    }
    return f"#cloud-config\n{json.dumps(orders)}\n"


def deploy(image: Path, folder: Path, key: SshKey) -> Path:
    """Write the image with a config drive to a disk of its own, as the agent does, and return the disk's file."""
    parts = {
        "meta_data": {"uuid": "1", "hostname": "metal-9", "public_keys": {"k": key.public}},
        "user_data": user_data(),
    }
    drive = build_config_drive(parts, node_uuid="1", node_name="metal-9", timeout_s=60)
    checksum = image.with_suffix(".qcow2.sha256").read_text().split()[0]
    disk = folder / "deployed.raw"
    with image_server() as server, loop_disk(folder, DISK_BYTES, noise=False) as loop:
        url = server.serve("image", image.read_bytes())
        StreamingImageWriter(HostRunner()).write_image(
            ImageInfo(id="i", urls=[url], checksum=checksum), drive, loop.device(), lambda _: None
        )
        run("cp", "--sparse=always", str(loop.file), str(disk), timeout_s=300)
    return disk


def test_cloud_init_takes_name_key_and_user_data_from_the_config_drive(
    image: Path, lab: Lab
) -> None:
    key = make_key(lab.scratch)
    disk = Disk(size_bytes=DISK_BYTES, serial="ROOT-1", image=deploy(image, lab.scratch, key))
    machine = lab.machine(firmware=Firmware.BIOS, memory_mib=1024, disks=(disk,), nics=0)
    machine.set_boot_device(BootDevice.DISK, persistent=True)
    machine.power_on()

    line = machine.console.wait_for(f"{REPORT} .* end$", timeout_s=BOOT_S).text
    assert "host=metal-9 " in line
    assert f"key={key.fingerprint} " in line
    assert "marker=written-by-cloud-init " in line
    assert "source=DataSourceConfigDrive " in line
    machine.console.wait_for("^metal-9 login:", timeout_s=BOOT_S)
