"""Our controller takes a machine with the real ironic-python-agent through every kind of step: inspection, erasures, a mirror, deployment, service, rescue.

What the real agent cannot do, and these tests therefore do not ask of it:

- Deploying onto a small mirror of an earlier boot: the agent forgets at its end which array is the root volume
  (``GenericHardwareManager._raid_root_device_mapping``) and takes the smallest disk of 4 GiB or more, which may be a member of the mirror.
- Booting a mirror under BIOS: the agent makes array members bootable only by the GRUB of the image, in a chroot, and only if it is told the
  UUID of the root file system (``ImageExtension.install_bootloader``). Without that it succeeds and has done nothing; our controller fails
  such a deployment (tests/integration/test_steps_of_the_real_agent.py).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.partition_roots import (
    as_qcow2,
    deploy_and_wait,
    root_with_grub,
    root_with_loader,
)
from tests.e2e.steps_of_a_life import (
    COLLECTORS,
    DISKS,
    ERASURES,
    RAID_STEPS,
    Life,
    check_mirror,
)
from tests.lab.api_client import ApiClient
from tests.lab.controller import Setting
from tests.lab.enrol import BUILD, enrol, ramdisk_settings
from tests.lab.hardware import Bus, Disk, Firmware
from tests.lab.lab import Lab
from tests.lab.program import run

pytestmark = [
    pytest.mark.vm,
    pytest.mark.interop,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(
        not (BUILD / "ramdisk/ipa.initramfs").exists(),
        reason="make ramdisk-ipa builds the real agent's ramdisk",
    ),
]
MEMORY_MIB = 4096
"""The real agent unpacks some images in memory."""


@contextmanager
def enrolled(logs: Path, firmware: Firmware, disks: Sequence[Disk]) -> Iterator[Life]:
    """Give a manageable machine of our controller, whose ramdisk has the real agent."""
    with Lab(workdir=logs) as lab:
        controller = lab.controller(
            settings={**ramdisk_settings("ipa"), "inspection_collectors": ",".join(COLLECTORS)}
        )
        machine = lab.machine(name="m1", firmware=firmware, memory_mib=MEMORY_MIB, disks=disks)
        with lab.network.inside():
            life = Life(api=ApiClient(controller.url), lab=lab, machine=machine)
            agents = {f"{kind}_interface": "agent" for kind in ("inspect", "raid", "rescue")}
            enrol(life.api, machine, **agents)
            life.manage()
            yield life


@pytest.mark.parametrize("firmware", [Firmware.BIOS, Firmware.UEFI])
def test_every_collector_of_the_real_agent_finds_something(firmware: Firmware, logs: Path) -> None:
    with enrolled(logs, firmware, DISKS) as life:
        found = life.inspect()["plugin_data"]
        assert set(filter(None, COLLECTORS.values())) <= set(found)


def test_the_real_agent_erases_and_deploys_onto_a_mirror_under_uefi(logs: Path) -> None:
    with enrolled(logs, Firmware.UEFI, DISKS) as life:
        life.ask_for_mirror("MAX")  # the smallest disk of 4 GiB or more
        check_mirror(life.clean(*ERASURES, "deploy.clean_uefi_nvram", *RAID_STEPS))
        life.deploy(life.lab.scratch / "image")


def test_the_real_agent_erases_and_makes_and_removes_a_mirror_under_bios(logs: Path) -> None:
    with enrolled(logs, Firmware.BIOS, DISKS) as life:
        life.ask_for_mirror()
        check_mirror(life.clean(*ERASURES, *RAID_STEPS))
        node = life.clean("raid.delete_configuration")
        assert not node["raid_config"].get("logical_disks"), node["raid_config"]


@pytest.mark.parametrize("firmware", [Firmware.BIOS, Firmware.UEFI])
def test_the_real_agent_services_and_rescues_a_deployed_machine(
    firmware: Firmware, logs: Path
) -> None:
    with enrolled(logs, firmware, DISKS[:1]) as life:
        life.be_serviced_and_rescued()


@pytest.mark.parametrize(
    ("firmware", "make_root"),
    [(Firmware.BIOS, root_with_grub), (Firmware.UEFI, root_with_loader)],
    ids=["bios", "uefi"],
)
def test_the_real_agent_deploys_a_partition_image_that_boots(
    firmware: Firmware, make_root: Callable[[Path], Path], logs: Path
) -> None:
    with Lab(workdir=logs) as lab:
        settings: dict[str, Setting] = {
            **ramdisk_settings("ipa"),
            "enable_bios_bootloader_install": True,
        }
        plain = make_root(lab.scratch)
        uuid = run("blkid", "-o", "value", "-s", "UUID", str(plain)).strip()
        root = as_qcow2(plain)
        machine = (firmware, Bus.VIRTIO, MEMORY_MIB)
        deploy_and_wait(
            lab, root, settings, machine, image_disk_format="qcow2", image_rootfs_uuid=uuid
        )
