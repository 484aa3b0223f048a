"""Real firmware and real iPXE in QEMU against the boot routes and the supervised dnsmasq: what appears on the screens."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller.boot.dnsmasq import Dnsmasq
from controller.boot.dnsmasq_log import DhcpEvent
from controller.boot.history import take_lease
from controller.boot.tftp_server import TftpGateway
from controller.settings import Settings
from tests.integration.boot_server import BootServer, boot_server
from tests.lab.boot_loaders import fetch_loaders
from tests.lab.enrol import BUILD
from tests.lab.foreign_dhcp import start_foreign_dhcp
from tests.lab.hardware import WITHOUT_PXE, BootDevice, Disk, Firmware
from tests.lab.lab import Lab
from tests.lab.machine import Machine
from tests.lab.program import run
from tests.lab.tiny_guest import READY, boot_sector

pytestmark = [pytest.mark.root, pytest.mark.vm, pytest.mark.timeout(900)]
_SCREEN_S = 120
_INJECTION = "a || echo INJECTED && echo INJECTED ; echo INJECTED\necho INJECTED\n${net0/mac} #x"


@pytest.fixture
def grub_directory() -> str:
    return str(fetch_loaders())


@pytest.fixture
def loader() -> str:
    """The setting; a test's own parameter wins."""
    return "ipxe"


@pytest.fixture
def dhcp() -> str:
    """Likewise; ``proxy`` brings a foreign server that gives the addresses."""
    return "range"


@pytest.fixture
def server(
    grub_directory: str, loader: str, dhcp: str, lab: Lab, tmp_path: Path
) -> Iterator[BootServer]:
    (tmp_path / "kernel").write_bytes(b"this is no kernel" * 1000)
    network = lab.network
    settings = Settings(
        state_directory=str(tmp_path),
        listen_host=network.gateway,
        listen_port=6385,
        public_url=f"http://{network.gateway}:6385",
        dhcp=dhcp,
        dhcp_interface=network.bridge,
        dhcp_range=f"{network.address(50)},{network.address(99)},255.255.255.0"
        if dhcp == "range"
        else network.address(0),
        deploy_kernel=str(tmp_path / "kernel"),
        deploy_ramdisk=str(tmp_path / "kernel"),
        grub_directory=grub_directory,
        loader=loader,
    )
    if dhcp == "proxy":
        start_foreign_dhcp(network, log=lab.logs / "foreign-dhcp.log")
    with network.inside(), boot_server(tmp_path, settings) as made:

        def on_event(event: DhcpEvent) -> None:
            take_lease(made.services, event, settings.dhcp_lease_s)

        dnsmasq = Dnsmasq(settings, on_event)
        gateway = TftpGateway(settings, made.services.gateway_key)
        dnsmasq.start()
        gateway.start()
        yield replace(made, choose_loader=dnsmasq.choose_loader)
        gateway.stop()
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


@pytest.mark.long  # firmware with Secure Boot takes minutes without KVM
@pytest.mark.parametrize("loader", ["grub"])
def test_secure_boot_starts_grub_which_says_whose_machine_it_is_and_starts_the_disk(
    lab: Lab, server: BootServer
) -> None:
    machine = lab.machine(
        firmware=Firmware.UEFI,
        secure_boot=True,
        memory_mib=512,
        disks=(Disk(size_bytes=64 << 20, image=_with_signed_loader(lab)),),
    )
    node = server.add_node(machine.nics[0].mac, state="active", name="web1")
    netboot(machine)
    console = machine.console
    console.wait_for("Ingot: node web1 .*Ingot: its state is active", timeout_s=3 * _SCREEN_S)
    console.wait_for("booting from the local disk", timeout_s=10)
    console.wait_for("GRUB of the disk", timeout_s=_SCREEN_S)
    assert "boots its disk" in server.events(node, count=2)[1].message


@pytest.mark.parametrize("dhcp", ["proxy"])
@pytest.mark.parametrize(
    "firmware", [Firmware.BIOS, pytest.param(Firmware.UEFI, marks=pytest.mark.long)]
)
@pytest.mark.usefixtures("server")
def test_beside_a_foreign_dhcp_server_machines_get_their_address_there_and_their_script_here(
    lab: Lab, firmware: Firmware
) -> None:
    machine = lab.machine(firmware=firmware, memory_mib=512)
    mac = netboot(machine)
    machine.console.wait_for("this machine is not known", timeout_s=2 * _SCREEN_S)
    machine.console.wait_for(f"MAC addresses: {mac}", timeout_s=10)
    foreign = (lab.logs / "foreign-dhcp.log").read_text()
    assert f"DHCPACK(dhcp1) {lab.network.address(150).rpartition('.')[0]}." in foreign


@pytest.mark.long
def test_uefi_http_boot_starts_a_signed_kernel_from_the_medium_with_secure_boot_on(
    lab: Lab, server: BootServer, tmp_path: Path
) -> None:
    kernel = BUILD / "ramdisk/ingot.vmlinuz"
    if not kernel.exists():
        pytest.skip("make ramdisk builds the kernel")
    shutil.copy(kernel, tmp_path / "vmlinuz")
    machine = lab.machine(
        firmware=Firmware.UEFI, secure_boot=True, memory_mib=1024, extra_arguments=WITHOUT_PXE
    )
    node = server.add_node(
        machine.nics[0].mac,
        state="wait call-back",
        target="ramdisk",
        name="web1",
        deploy_kernel=str(tmp_path / "vmlinuz"),
        kernel_append_params="console=ttyS0,115200",
    )
    server.choose_loader({machine.nics[0].mac})
    netboot(machine)
    machine.console.wait_for("Ingot: node web1", timeout_s=3 * _SCREEN_S)
    machine.console.wait_for("secureboot: Secure boot enabled", timeout_s=4 * _SCREEN_S)
    machine.console.wait_for(f"BOOTIF={machine.nics[0].mac}", timeout_s=_SCREEN_S)
    messages = [event.message for event in server.events(node, count=3)]
    assert "fetched its medium" in messages[2]


@pytest.mark.parametrize("loader", ["grub"])
def test_a_bios_machine_is_told_by_grub_what_it_is_and_goes_on_to_its_disk(
    lab: Lab, server: BootServer
) -> None:
    machine = lab.machine(memory_mib=256, disks=(Disk(size_bytes=1 << 20, image=_bootable(lab)),))
    node = server.add_node(machine.nics[0].mac, state="active", name="web1")
    netboot(machine)
    machine.console.wait_for("Welcome to GRUB", timeout_s=_SCREEN_S)
    machine.console.wait_for("its state is active", timeout_s=_SCREEN_S)
    machine.console.wait_for(READY, timeout_s=_SCREEN_S)
    assert "boots its disk" in server.events(node, count=2)[1].message


@pytest.mark.long
@pytest.mark.parametrize("loader", ["grub"])
def test_kernel_arguments_that_grub_would_change_are_named_on_the_screen(
    lab: Lab, server: BootServer
) -> None:
    machine = lab.machine(memory_mib=256)
    server.add_node(
        machine.nics[0].mac,
        state="wait call-back",
        target="ramdisk",
        kernel_append_params=f"'; echo INJECTED; {_INJECTION}",
    )
    netboot(machine)
    machine.console.wait_for("cannot boot the ramdisk:", timeout_s=_SCREEN_S)
    machine.console.wait_for("has a quote or a backslash", timeout_s=10)
    machine.console.wait_for("asking again in 30 seconds", timeout_s=10)
    assert not re.search("^INJECTED", machine.console.text, re.MULTILINE)


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


def _with_signed_loader(lab: Lab) -> Path:
    """Return a disk that is one EFI system partition with Debian's signed shim and GRUB."""
    image, config = lab.scratch / "signed.raw", lab.scratch / "disk.cfg"
    config.write_text("echo GRUB of the disk\nsleep 600\n")
    loaders = fetch_loaders()
    files = {
        loaders / "shim/shimx64.efi.signed": "/EFI/BOOT/BOOTX64.EFI",
        loaders / "grub/x86_64-efi-signed/grubx64.efi.signed": "/EFI/BOOT/grubx64.efi",
        config: "/EFI/debian/grub.cfg",
    }
    with image.open("wb") as file:
        file.truncate(64 << 20)
    run("sgdisk", "--new=1:2048:0", "--typecode=1:ef00", str(image), timeout_s=30)
    at = f"{image}@@1M"
    run("mformat", "-i", at, "-F", "-T", str((62 << 20) // 512), "::", timeout_s=30)
    run("mmd", "-i", at, "::/EFI", "::/EFI/BOOT", "::/EFI/debian", timeout_s=30)
    for source, target in files.items():
        run("mcopy", "-i", at, str(source), f"::{target}", timeout_s=30)
    return image


def _bootable(lab: Lab) -> Path:
    image = lab.scratch / "tiny.raw"
    image.write_bytes(boot_sector().ljust(1 << 20, b"\0"))
    return image
