"""Real Ironic has our ramdisk make a bootable system of a root filesystem, up to its login prompt."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.partition_roots import packed, root_with_grub, root_with_loader
from tests.lab.api_client import ApiClient
from tests.lab.demo.keys import make_key
from tests.lab.demo.proof import wait_for_system
from tests.lab.enrol import BUILD, config_drive, enrol, make_available
from tests.lab.hardware import Bus, Disk, Firmware
from tests.lab.lab import Lab
from tests.lab.real_ironic import PEER, RealIronic

pytestmark = [
    pytest.mark.vm,
    pytest.mark.interop,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(
        not (PEER / "bin/ironic").exists(), reason="make peers installs the real Ironic"
    ),
]


@pytest.mark.parametrize(
    ("firmware", "make_root"), [(Firmware.UEFI, root_with_loader), (Firmware.BIOS, root_with_grub)]
)
def test_a_root_filesystem_becomes_a_system_that_boots(
    logs: Path, firmware: Firmware, make_root: Callable[[Path], Path]
) -> None:
    with Lab(workdir=logs) as lab:
        ironic = RealIronic(
            lab,
            kernel=BUILD / "ramdisk/ingot.vmlinuz",
            ramdisk=BUILD / "ramdisk/ingot.initramfs",
            settings="[agent]\nenable_bios_bootloader_install = True\n",
        )
        disk = Disk(size_bytes=4 << 30, bus=Bus.VIRTIO)
        machine = lab.machine(name="m1", firmware=firmware, memory_mib=1024, disks=(disk,))
        root, key = packed(make_root(lab.scratch)), make_key(lab.scratch)
        url = lab.http.publish(root.name, root)
        with lab.network.inside():
            api = ApiClient(ironic.url)
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
            )
            mark = machine.console.mark()
            api.provision("m1", "active", configdrive=config_drive("by-ironic", key))
            node = api.wait_for_state("m1", "active", timeout_s=1200)
            assert node["last_error"] is None
            wait_for_system(machine, hostname="by-ironic", key=key, since=mark, timeout_s=300)
