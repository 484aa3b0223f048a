"""The real ironic-python-agent, in a ramdisk built the same way, is driven through clean and deploy by our controller."""

from pathlib import Path

import pytest

from tests.lab.api_client import ApiClient
from tests.lab.demo.keys import make_key
from tests.lab.demo.proof import wait_for_system
from tests.lab.enrol import (
    BUILD,
    config_drive,
    enrol,
    make_available,
    publish_os_image,
    ramdisk_settings,
)
from tests.lab.hardware import Disk, Firmware
from tests.lab.lab import Lab

pytestmark = [
    pytest.mark.vm,
    pytest.mark.interop,
    pytest.mark.skipif(
        not (BUILD / "ramdisk/ipa.initramfs").exists(),
        reason="make ramdisk-ipa builds the real agent's ramdisk",
    ),
]


@pytest.mark.parametrize("firmware", [Firmware.BIOS, Firmware.UEFI])
def test_our_controller_cleans_and_deploys_with_the_real_agent(
    firmware: Firmware, logs: Path
) -> None:
    with Lab(workdir=logs) as lab:
        controller = lab.controller(settings=ramdisk_settings("ipa"))
        # the real agent keeps the whole image in memory
        machine = lab.machine(
            name="m1", firmware=firmware, memory_mib=4096, disks=(Disk(size_bytes=8 << 30),)
        )
        image, key = publish_os_image(lab), make_key(lab.scratch)
        with lab.network.inside():
            api = ApiClient(controller.url)
            enrol(api, machine)
            make_available(api, "m1", clean=True, timeout_s=900)
            api.set_instance(
                "m1",
                image_source=image.url,
                image_os_hash_algo="sha256",
                image_os_hash_value=image.sha256,
            )
            mark = machine.console.mark()
            api.provision("m1", "active", configdrive=config_drive("by-the-real-agent", key))
            api.wait_for_state("m1", "active", timeout_s=900)
            wait_for_system(
                machine, hostname="by-the-real-agent", key=key, since=mark, timeout_s=300
            )
