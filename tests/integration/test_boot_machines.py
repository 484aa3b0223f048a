"""Real firmware and real iPXE in QEMU against the boot routes and the supervised dnsmasq: what appears on the screens."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.boot.dnsmasq import Dnsmasq
from controller.boot.dnsmasq_config import DhcpEvent
from controller.boot.history import take_lease
from controller.settings import Settings
from tests.integration.boot_server import BootServer, boot_server
from tests.lab.hardware import BootDevice, Disk, Firmware
from tests.lab.lab import Lab
from tests.lab.machine import Machine
from tests.lab.tiny_guest import READY, boot_sector

pytestmark = [
    pytest.mark.root,
    pytest.mark.vm,
    pytest.mark.timeout(400),
    pytest.mark.skipif(os.geteuid() != 0, reason="a lab needs root"),
]
_SCREEN_S = 120
_INJECTION = "a || echo INJECTED && echo INJECTED ; echo INJECTED\necho INJECTED\n${net0/mac} #x"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(workdir=tmp_path / "logs") as made:
        yield made


@pytest.fixture
def server(lab: Lab, tmp_path: Path) -> Iterator[BootServer]:
    (tmp_path / "kernel").write_bytes(b"this is no kernel" * 1000)
    network = lab.network
    settings = Settings(
        state_directory=str(tmp_path),
        listen_host=network.gateway,
        listen_port=6385,
        public_url=f"http://{network.gateway}:6385",
        dhcp="range",
        dhcp_interface=network.bridge,
        dhcp_range=f"{network.address(50)},{network.address(99)},255.255.255.0",
        deploy_kernel=str(tmp_path / "kernel"),
        deploy_ramdisk=str(tmp_path / "kernel"),
    )
    with network.inside(), boot_server(tmp_path, settings) as made:

        def on_event(event: DhcpEvent) -> None:
            take_lease(made.services, event, settings.dhcp_lease_s)

        dnsmasq = Dnsmasq(settings, on_event)
        dnsmasq.start()
        yield made
        dnsmasq.stop()


def netboot(machine: Machine) -> str:
    """Power the machine on for the network and return its MAC address."""
    machine.set_boot_device(BootDevice.PXE)
    machine.power_on()
    return machine.nics[0].mac


@pytest.mark.parametrize("firmware", list(Firmware))
@pytest.mark.usefixtures("server")
def test_a_machine_that_nobody_knows_says_so_on_its_screen_with_its_address(
    lab: Lab, firmware: Firmware
) -> None:
    machine = lab.machine(firmware=firmware, memory_mib=512)
    mac = netboot(machine)
    console = machine.console
    console.wait_for("this machine is not known", timeout_s=_SCREEN_S)
    console.wait_for(f"MAC addresses: {mac}", timeout_s=10)
    console.wait_for(f"baremetal port create --node NODE {mac}", timeout_s=10)
    console.wait_for("nothing is changed on this machine; asking again", timeout_s=10)


def test_a_machine_with_two_cards_is_found_by_the_one_it_did_not_boot_from(
    lab: Lab, server: BootServer
) -> None:
    machine = lab.machine(
        memory_mib=256, nics=2, disks=(Disk(size_bytes=1 << 20, image=_bootable(lab)),)
    )
    node = server.add_node(machine.nics[1].mac, state="active", name="two-cards")
    netboot(machine)
    machine.console.wait_for("booting from the local disk", timeout_s=_SCREEN_S)
    assert "boots its disk" in server.events(node, count=1)[0].message


def test_a_deployed_bios_machine_that_boots_from_the_network_goes_on_to_its_disk(
    lab: Lab, server: BootServer
) -> None:
    machine = lab.machine(memory_mib=256, disks=(Disk(size_bytes=1 << 20, image=_bootable(lab)),))
    node = server.add_node(machine.nics[0].mac, state="active", name="web1")
    netboot(machine)
    machine.console.wait_for("its state is active", timeout_s=_SCREEN_S)
    machine.console.wait_for(READY, timeout_s=_SCREEN_S)
    lease, script = server.events(node, count=2)
    assert lease.data["address"].startswith(lab.network.gateway.rpartition(".")[0])
    assert "boots its disk" in script.message


def test_a_kernel_that_cannot_be_fetched_is_said_and_tried_again(
    lab: Lab, server: BootServer
) -> None:
    machine = lab.machine(memory_mib=256)
    node = server.add_node(
        machine.nics[0].mac,
        state="wait call-back",
        target="ramdisk",
        name="web1",
        deploy_kernel=f"http://{lab.network.gateway}:1/vmlinuz",
        kernel_append_params=_INJECTION,
    )
    netboot(machine)
    console = machine.console
    console.wait_for("its state is wait call-back", timeout_s=_SCREEN_S)
    console.wait_for("vmlinuz.*Connection re", timeout_s=30)
    console.wait_for("that failed .the line above says why., trying again in 1", timeout_s=30)
    console.wait_for("trying again in 2 seconds", timeout_s=30)
    assert "INJECTED" not in console.text
    assert "boots the ramdisk" in server.events(node, count=2)[1].message


def test_a_node_without_a_ramdisk_says_so_on_its_machines_screen(
    lab: Lab, server: BootServer
) -> None:
    machine = lab.machine(memory_mib=256)
    node = server.add_node(
        machine.nics[0].mac, state="cleaning", target="ramdisk", deploy_kernel="/nowhere/vmlinuz"
    )
    netboot(machine)
    machine.console.wait_for(f"Ingot: node {node}", timeout_s=_SCREEN_S)
    machine.console.wait_for("cannot boot the ramdisk:", timeout_s=10)
    machine.console.wait_for("driver_info/deploy_kernel: /nowhere/vmlinuz is outs", timeout_s=10)
    machine.console.wait_for("asking again in 30 seconds", timeout_s=10)


def _bootable(lab: Lab) -> Path:
    image = lab.scratch / "tiny.raw"
    image.write_bytes(boot_sector().ljust(1 << 20, b"\0"))
    return image
