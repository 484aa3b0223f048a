"""A machine whose firmware tries the network first runs its system by its boot order alone: it is given an address and no loader."""

from pathlib import Path

import pytest

from tests.integration.waiting import wait_until
from tests.lab import tiny_guest
from tests.lab.api_client import ApiClient
from tests.lab.disks.bootable_image import MIB, UEFI_BANNER, make_bootable_image
from tests.lab.enrol import enrol, make_available, ramdisk_settings
from tests.lab.hardware import BootDevice, Disk, Firmware
from tests.lab.lab import Lab

pytestmark = [pytest.mark.vm, pytest.mark.timeout(300)]
BOOT_S = 120


def test_an_active_machine_goes_on_to_its_disk_and_is_asked_nothing(logs: Path) -> None:
    with Lab(workdir=logs) as lab:
        controller = lab.controller(settings={**ramdisk_settings(), "local_boot_by_order": True})
        system = lab.scratch / "system"
        system.write_bytes(tiny_guest.boot_sector())
        disk = Disk(size_bytes=1 << 20, image=system)
        machine = lab.machine(name="m1", memory_mib=256, cpus=1, disks=(disk,))
        with lab.network.inside():
            api = ApiClient(controller.url)
            enrol(api, machine, deploy_interface="noop")
            make_available(api, "m1", clean=False)
            machine.set_boot_device(BootDevice.PXE, persistent=True)
            machine.power_on()
            machine.console.wait_for("Ingot: booting from the local disk", timeout_s=BOOT_S)
            machine.console.wait_for(tiny_guest.READY, timeout_s=BOOT_S)
            api.provision("m1", "active")
            api.wait_for_state("m1", "active", timeout_s=60)
            hosts = controller.state_directory / "dnsmasq/hosts"
            wait_until(lambda: "silent" in hosts.read_text(), 10, "dnsmasq knows of the card")
            mark = machine.console.mark()
            machine.reset()
            machine.console.wait_for(tiny_guest.READY, timeout_s=BOOT_S, since=mark)
            since = machine.console.text.rpartition("initialising devices")[2]
            assert "Configuring" in since, "the firmware did not try the network"
            assert "Ingot" not in since


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_uefi_firmware_goes_on_to_the_disk_too(logs: Path) -> None:
    """The program on the disk is an iPXE, which is given no script either."""
    with Lab(workdir=logs) as lab:
        controller = lab.controller(settings={**ramdisk_settings(), "local_boot_by_order": True})
        system = lab.scratch / "system"
        make_bootable_image(system, size_bytes=16 * MIB, banner=tiny_guest.READY, seed=1)
        disk = Disk(size_bytes=16 * MIB, image=system)
        no_ipv6 = ("-fw_cfg", "name=opt/org.tianocore/IPv6PXESupport,string=n")
        machine = lab.machine(
            name="m1",
            firmware=Firmware.UEFI,
            memory_mib=512,
            disks=(disk,),
            extra_arguments=no_ipv6,
        )
        with lab.network.inside():
            api = ApiClient(controller.url)
            enrol(api, machine, deploy_interface="noop")
            make_available(api, "m1", clean=False)
            api.provision("m1", "active")
            api.wait_for_state("m1", "active", timeout_s=60)
            hosts = controller.state_directory / "dnsmasq/hosts"
            wait_until(lambda: "silent" in hosts.read_text(), 10, "dnsmasq knows of the card")
            machine.set_boot_device(BootDevice.PXE, persistent=True)
            machine.power_on()
            machine.console.wait_for("Start PXE over IPv4", timeout_s=BOOT_S)
            machine.console.wait_for("PXE-E16: No valid offer", timeout_s=BOOT_S)
            # OVMF tries IPv6 and HTTP on the same card before it goes on to the next device
            machine.console.wait_for(UEFI_BANNER, timeout_s=5 * BOOT_S)
            machine.console.wait_for("No more network devices|Nothing to boot", timeout_s=BOOT_S)
            assert "Ingot" not in machine.console.text
