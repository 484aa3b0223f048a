"""A machine with 512 MB of memory gets a 4 GiB image: the ramdisk fits, and the agent keeps nothing of the image.

The image would not fit into the memory several times over. ``LAB_IMAGE_DATA_MIB=1331`` asks for as much data in it as the
benchmarks have; most of the time goes into sending it through an emulated network card.
"""

import logging
import os
import random
import time
from pathlib import Path

import pytest

from tests.lab.api_client import ApiClient
from tests.lab.demo.road import Image
from tests.lab.disks.bootable_image import MIB, make_bootable_image
from tests.lab.enrol import make_deployable, publish_image, ramdisk_settings
from tests.lab.hardware import Disk
from tests.lab.lab import Lab
from tests.lab.program import run

pytestmark = [pytest.mark.vm, pytest.mark.long, pytest.mark.timeout(3600)]
log = logging.getLogger(__name__)
MEMORY_MIB = int(os.environ.get("LAB_MEMORY_MIB", "512"))
IMAGE_BYTES = 4 << 30
DATA_MIB = int(os.environ.get("LAB_IMAGE_DATA_MIB", "160"))
BANNER = "a guest is here."
DEPLOY_S = 3000


def make_large_image(folder: Path) -> Path:
    """Make a raw image of 4 GiB that boots, with ``DATA_MIB`` of noise spread over it."""
    image = folder / "large.raw"
    make_bootable_image(image, size_bytes=24 * MIB, banner=BANNER, seed=11)
    source = random.Random(12)
    with image.open("r+b") as file:
        file.truncate(IMAGE_BYTES)
        for number in range(DATA_MIB):
            file.seek((32 + number * (IMAGE_BYTES // MIB - 40) // DATA_MIB) * MIB)
            file.write(source.randbytes(MIB))
    run("sgdisk", "--move-second-header", "--new=3:24M:0", str(image))
    return image


def publish(lab: Lab, raw: Path) -> Image:
    qcow2 = raw.with_suffix(".qcow2")
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(qcow2), timeout_s=600)
    return publish_image(lab, qcow2)


def test_a_4_gib_image_is_deployed_with_512_mb_of_memory(logs: Path) -> None:
    with Lab(workdir=logs) as lab:
        raw = make_large_image(lab.scratch)
        image = publish(lab, raw)
        controller = lab.controller(settings=ramdisk_settings())
        disk = Disk(size_bytes=IMAGE_BYTES + (1 << 30))
        machine = lab.machine(name="m1", memory_mib=MEMORY_MIB, disks=(disk,))
        with lab.network.inside():
            api = ApiClient(controller.url)
            make_deployable(api, machine, image)
            began = time.monotonic()
            api.provision("m1", "active")
            node = api.wait_for_state("m1", "active", timeout_s=DEPLOY_S)
            assert node["last_error"] is None
        log.info("%d MiB of data deployed in %.0f s", DATA_MIB, time.monotonic() - began)
        machine.console.wait_for(BANNER, timeout_s=120)
        machine.power_off()
        same = ("--bytes", str(IMAGE_BYTES - MIB), "--ignore-initial", str(MIB))
        run("cmp", *same, str(raw), str(machine.disks[0].path), timeout_s=600)
