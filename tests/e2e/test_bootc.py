"""A bootable container is deployed, from power-on to the login prompt: real podman, a real registry that wants a login, a stand-in for bootc.

Builds the ramdisk with podman first, which takes minutes where nothing of it is cached.
"""

import base64
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.bootc_image import VERSION, push_bootc_image
from tests.e2e.test_further_elements import busybox
from tests.integration.registry_process import RunningRegistry, htpasswd_auth, registry
from tests.lab.api_client import ApiClient
from tests.lab.demo.keys import make_key
from tests.lab.demo.proof import wait_for_system
from tests.lab.enrol import SERIAL_CONSOLE, config_drive, enrol, make_available
from tests.lab.hardware import Bus, Disk, Firmware
from tests.lab.lab import Lab

pytestmark = [pytest.mark.vm, pytest.mark.long, pytest.mark.timeout(3000)]

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "open sesame"
LOGIN = base64.b64encode(f"tux:{PASSWORD}".encode()).decode()
NAME = "os/debian"


@pytest.fixture(scope="module")
def ramdisk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The path of a ramdisk with podman, without the ends of its two files."""
    folder = tmp_path_factory.mktemp("ramdisk")
    words = ("--with", "podman", "--name", "bootc", "--output", folder)
    subprocess.run((ROOT / "image-build/build-ramdisk", *words), check=True, timeout=2400)
    return folder / "bootc"


def shelf(lab: Lab, ramdisk: Path, clean_up: ExitStack) -> tuple[RunningRegistry, str]:
    """Run a registry that machines reach with a login; return it and the digest of the image in it."""
    folder = lab.scratch / "registry"
    folder.mkdir()
    address = lab.network.gateway
    with lab.network.inside():
        with registry(folder, address=address) as anyone:
            program = busybox(ramdisk.with_suffix(".initramfs"), folder)
            digest = push_bootc_image(
                anyone, NAME, "12", program, secret=PASSWORD, packed=LOGIN, folder=folder
            )
        auth = htpasswd_auth(folder, "tux", PASSWORD)
        return clean_up.enter_context(registry(folder, auth, address=address)), digest


@pytest.mark.parametrize(
    ("firmware", "bus"), [(Firmware.UEFI, Bus.VIRTIO), (Firmware.BIOS, Bus.NVME)]
)
def test_a_bootable_container_is_deployed_and_boots(
    logs: Path, ramdisk: Path, firmware: Firmware, bus: Bus
) -> None:
    with Lab(workdir=logs) as lab, ExitStack() as clean_up:
        server, digest = shelf(lab, ramdisk, clean_up)
        arguments = f"{SERIAL_CONSOLE} ingot-insecure-registries={lab.network.gateway}"
        controller = lab.controller(
            settings={
                "deploy_kernel": f"{ramdisk}.vmlinuz",
                "deploy_ramdisk": f"{ramdisk}.initramfs",
                "kernel_append_params": arguments,
            }
        )
        machine = lab.machine(
            name="m1",
            firmware=firmware,
            memory_mib=2048,
            disks=(Disk(size_bytes=4 << 30, bus=bus),),
        )
        key = make_key(lab.scratch)
        with lab.network.inside():
            api = ApiClient(controller.url)
            enrol(api, machine, deploy_interface="bootc")
            make_available(api, "m1", clean=False)
            api.set_instance(
                "m1",
                image_source=f"oci://{server.host}/{NAME}:12",
                image_pull_secret=LOGIN,
                bootc_authorized_keys=key.public,
            )
            mark = machine.console.mark()
            api.provision("m1", "active", configdrive=config_drive("bootc-1", key))
            node = api.wait_for_state("m1", "active", timeout_s=1200)
            assert node["last_error"] is None
            told = " ".join(str(event["event"]) for event in api.history("m1"))
            assert f"{server.host}/{NAME}@{digest} ({VERSION}) is on /dev/" in told
            assert "3: 'root'" in told
            assert PASSWORD not in told
            assert LOGIN not in told
            wait_for_system(machine, hostname="bootc-1", key=key, since=mark, timeout_s=300)
