"""The ramdisk from media instead of from the network: an ISO image in BIOS and UEFI, virtual media with settings, a unified kernel.

Each machine must say by its first heartbeat that it read its settings where they were given. Two of them are in networks without DHCP
for IPv4: a bond and a static address come from ``network_data.json``, and one network has IPv6 only.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.fake_controller import FakeController, fake_controller
from tests.lab.enrol import BUILD
from tests.lab.hardware import BootDevice, Firmware
from tests.lab.lab import Lab
from tests.lab.machine import Machine
from tests.lab.program import run

pytestmark = [pytest.mark.vm, pytest.mark.timeout(2400)]
IMAGE_BUILD = Path(__file__).parents[2] / "image-build"
LOADERS = BUILD / "cache/ramdisk/loaders"
BOOT_S = 1200
CONSOLE = "console=ttyS0,115200n8 no_timer_check"


@pytest.fixture(autouse=True, scope="module")
def _loaders() -> None:
    """Fetch the boot loaders before a test enters a network from which no mirror is reached."""
    subprocess.run((IMAGE_BUILD / "boot-loaders", LOADERS), check=True, timeout=300)


def build(program: str, folder: Path, *words: str) -> Path:
    """Make an ISO or a unified kernel of the ramdisk that ``make ramdisk`` built."""
    for kind in ("vmlinuz", "initramfs"):
        if not (folder / f"ingot.{kind}").exists():
            os.link(BUILD / f"ramdisk/ingot.{kind}", folder / f"ingot.{kind}")
    subprocess.run(
        (IMAGE_BUILD / program, folder / "ingot", *words),
        env=os.environ | {"INGOT_LOADERS": str(LOADERS)},
        check=True,
        timeout=600,
    )
    return folder / ("ingot.iso" if program == "make-iso" else "ingot.efi")


def cd(image: Path) -> tuple[str, ...]:
    """Return QEMU's arguments for a CD drive with ``image``, the first to boot from."""
    drive = f"if=none,id=cd,format=raw,readonly=on,media=cdrom,file={image}"
    return ("-drive", drive, "-device", "ide-cd,bus=ide.5,drive=cd,bootindex=0")


def usb_stick(image: Path, *, bootindex: int | None = None) -> tuple[str, ...]:
    """Return QEMU's arguments for a USB disk, as a BMC shows its virtual media."""
    drive = f"if=none,id=usb,format=raw,readonly=on,file={image}"
    boot = "" if bootindex is None else f",bootindex={bootindex}"
    return (
        *("-device", "qemu-xhci,id=xhci", "-drive", drive),
        *("-device", f"usb-storage,bus=xhci.0,removable=true,drive=usb{boot}"),
    )


def fat_image(path: Path, label: str, files: dict[str, Path], *, mib: int = 2) -> Path:
    """Make a FAT file system without a partition table, as Ironic makes its virtual floppies."""
    run("truncate", f"--size={mib}M", str(path))
    run("mkfs.fat", "-n", label, str(path))
    for name, content in files.items():
        folders = Path(name).parents[-2::-1]
        for folder in [f for f in folders if f != Path()]:
            run("mmd", "-i", str(path), f"::{folder}")
        run("mcopy", "-i", str(path), str(content), f"::{name}", timeout_s=120)
    return path


@contextmanager
def controller_in(lab: Lab, host: str) -> Iterator[FakeController]:
    with lab.network.inside(), fake_controller(host) as controller:
        yield controller


def start_from_media(machine: Machine) -> None:
    """Switch on and boot the drive that has the lowest boot index; the network is not tried."""
    machine.set_boot_device(BootDevice.DISK, persistent=True)
    machine.power_on()


def first_heartbeat(machine: Machine, controller: FakeController) -> str:
    """Wait for the first heartbeat and return the address under which the agent wants to be called."""
    try:
        beat = controller.wait_for("POST", "/v1/heartbeat/", timeout_s=BOOT_S)
    except AssertionError:
        raise AssertionError(machine.console.text[-4000:]) from None
    url: str = beat.body["callback_url"]
    return url


@pytest.mark.long
def test_an_iso_boots_as_a_cd_in_a_bios_machine_with_settings_of_its_own(logs: Path) -> None:
    with Lab(workdir=logs) as lab, controller_in(lab, lab.network.gateway) as controller:
        start_dhcp(lab)
        parameters = lab.scratch / "parameters"
        parameters.write_text(f"ipa-api-url={controller.url}\nipa-global-request-id=req-iso\n")
        iso = build("make-iso", lab.scratch, f"boot_method=vmedia {CONSOLE}", str(parameters))
        machine = lab.machine(memory_mib=1024, disks=(), extra_arguments=cd(iso))
        start_from_media(machine)
        first_heartbeat(machine, controller)
        lookup = controller.wait_for("GET", "/v1/lookup")
        assert lookup.headers["X-OpenStack-Request-ID"] == "req-iso"
        assert lookup.query["addresses"] == [machine.nics[0].mac]


@pytest.mark.long
def test_an_iso_boots_in_a_uefi_machine_with_a_bond_from_virtual_media(
    logs: Path,
) -> None:
    """Settings lie on a USB disk labelled ``ir-vfd-dev``, the network's description on the boot medium; there is no DHCP."""
    with Lab(workdir=logs) as lab:
        server, client = lab.network.gateway, lab.network.address(20)
        with controller_in(lab, server) as controller:
            stick = lab.scratch / "stick"
            parameters = lab.scratch / "parameters"
            parameters.write_text(f"ipa-api-url={controller.url}\n")
            fat_image(stick, "IR-VFD-DEV", {"parameters.txt": parameters})
            iso = build("make-iso", lab.scratch, f"boot_method=vmedia {CONSOLE}")
            machine = lab.machine(
                firmware=Firmware.UEFI,
                memory_mib=1024,
                disks=(),
                nics=2,
                extra_arguments=(*cd(iso), *usb_stick(stick)),
            )
            data = lab.scratch / "network_data.json"
            data.write_text(json.dumps(bonded(machine, client)))
            with_data = lab.scratch / "with-data.iso"
            add = ("-map", str(data), "/openstack/latest/network_data.json")
            run(
                *("xorriso", "-indev", str(iso), "-outdev", str(with_data)),
                *(*add, "-boot_image", "any", "replay"),
                timeout_s=300,
            )
            shutil.move(with_data, iso)
            start_from_media(machine)
            assert first_heartbeat(machine, controller).startswith(f"https://{client}:")
        console = machine.console.text
        assert "described network set up" in console


def bonded(machine: Machine, address: str) -> dict[str, object]:
    """Return a ``network_data.json``: both cards in a bond with a static address. Not every host has VLANs to answer on."""
    cards = [
        {"id": f"card{i}", "type": "phy", "ethernet_mac_address": nic.mac}
        for i, nic in enumerate(machine.nics)
    ]
    bond = {
        "id": "bond",
        "type": "bond",
        "bond_links": [card["id"] for card in cards],
        "bond_mode": "active-backup",
        "bond_miimon": 100,
    }
    network = {
        "id": "n",
        "link": "bond",
        "type": "ipv4",
        "ip_address": address,
        "netmask": "255.255.255.0",
    }
    return {"links": [*cards, bond], "networks": [network], "services": []}


def test_a_unified_kernel_boots_in_a_network_with_ipv6_only_and_finds_the_second_controller(
    logs: Path,
) -> None:
    """Addresses come by DHCPv6; the first address of the controller does not answer."""
    with Lab(workdir=logs) as lab:
        lab.network.stop_router()
        prefix = f"fd00:{lab.network.number:x}::"
        lab.network.run(
            *("ip", "address", "add", f"{prefix}1/64", "dev", lab.network.bridge, "nodad")
        )
        dnsmasq(lab, f"--dhcp-range={prefix}100,{prefix}1ff,64,10m", "--enable-ra")
        with controller_in(lab, f"{prefix}1") as controller:
            urls = f"ipa-api-url=http://[{prefix}99]:6385,{controller.url}"
            efi = build("make-uki", lab.scratch, f"{CONSOLE} {urls}")
            disk = lab.scratch / "esp"
            fat_image(disk, "UKI", {"EFI/BOOT/BOOTX64.EFI": efi}, mib=160)
            machine = lab.machine(
                firmware=Firmware.UEFI,
                memory_mib=1536,
                disks=(),
                extra_arguments=usb_stick(disk, bootindex=0),
            )
            start_from_media(machine)
            assert first_heartbeat(machine, controller).startswith(f"https://[{prefix}1")


def start_dhcp(lab: Lab) -> None:
    first, last = lab.network.address(100), lab.network.address(150)
    dnsmasq(lab, f"--dhcp-range={first},{last},10m")


def dnsmasq(lab: Lab, *words: str) -> None:
    fixed = ("--no-daemon", "--conf-file=/dev/null", "--port=0", "--log-dhcp", "--leasefile-ro")
    argv = ("dnsmasq", *fixed, f"--interface={lab.network.bridge}", "--bind-interfaces", *words)
    lab.network.start("dnsmasq", argv, log=lab.logs / "dnsmasq.log")
