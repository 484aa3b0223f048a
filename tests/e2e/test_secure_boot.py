"""Secure Boot from power-on to the deployed system's login prompt: firmware with Microsoft's keys, shim, GRUB and kernels of Debian."""

from pathlib import Path

import pytest

from tests.lab.api_client import ApiClient
from tests.lab.boot_loaders import fetch_loaders
from tests.lab.demo.keys import make_key
from tests.lab.demo.proof import wait_for_system
from tests.lab.enrol import (
    SERIAL_CONSOLE,
    config_drive,
    enrol,
    make_available,
    publish_os_image,
    ramdisk_settings,
)
from tests.lab.hardware import WITHOUT_PXE, Disk, Firmware
from tests.lab.lab import Lab

pytestmark = [pytest.mark.vm, pytest.mark.long, pytest.mark.timeout(2400)]


@pytest.mark.parametrize("way", ["pxe", "http"])
def test_a_machine_with_secure_boot_is_deployed_by_grub_and_shows_its_own_login_prompt(
    logs: Path, way: str
) -> None:
    settings = {**ramdisk_settings(), "grub_directory": str(fetch_loaders())}
    settings["kernel_append_params"] = SERIAL_CONSOLE.replace("quiet ", "")
    with Lab(workdir=logs) as lab:
        controller = lab.controller(settings=settings)
        machine = lab.machine(
            name="m1",
            firmware=Firmware.UEFI,
            secure_boot=True,
            memory_mib=1536,
            disks=(Disk(size_bytes=8 << 30),),
            extra_arguments=WITHOUT_PXE if way == "http" else (),
        )
        image, key = publish_os_image(lab), make_key(lab.scratch)
        with lab.network.inside():
            api = ApiClient(controller.url)
            says = {"capabilities": "boot_mode:uefi,secure_boot:true"}
            enrol(api, machine, boot_interface=way, properties=says)
            make_available(api, machine.name, clean=False)
            api.set_image(
                machine.name, image.url, image.sha256, capabilities={"secure_boot": "true"}
            )
            mark = machine.console.mark()
            api.provision("m1", "active", configdrive=config_drive("secure", key))
            node = api.wait_for_state("m1", "active", timeout_s=1500)
            assert node["last_error"] is None
            wait_for_system(machine, hostname="secure", key=key, since=mark, timeout_s=300)
    assert machine.console.text.count("secureboot: Secure boot enabled") == 1  # the ramdisk's
