"""The medium of UEFI HTTP boot, fetched as firmware fetches it and read by the programs that read such file systems."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from controller.boot.dnsmasq_log import DhcpEvent
from controller.boot.history import take_lease
from controller.settings import Settings
from tests.integration.boot_server import BootServer, boot_server

MAC = "52:54:00:aa:00:01"
SHIM, GRUB = b"shim" * 1000, b"grub" * 3000
KERNEL, INITRD = b"kernel!" * 9_001, b"initrd!" * 700_001


@pytest.fixture
def server(tmp_path: Path) -> Iterator[BootServer]:
    grub = tmp_path / "grub/x86_64-efi-signed"
    for folder in (tmp_path / "shim", grub):
        folder.mkdir(parents=True)
    (tmp_path / "shim/shimx64.efi.signed").write_bytes(SHIM)
    (grub / "gcdx64.efi.signed").write_bytes(GRUB)
    (tmp_path / "kernel").write_bytes(KERNEL)
    (tmp_path / "initrd").write_bytes(INITRD)
    settings = Settings(
        state_directory=str(tmp_path),
        listen_host="127.0.0.1",
        listen_port=0,
        deploy_kernel=str(tmp_path / "kernel"),
        deploy_ramdisk=str(tmp_path / "initrd"),
        grub_directory=str(tmp_path),
    )
    with boot_server(tmp_path, settings) as made:
        yield made


def fetch(server: BootServer, target: Path, mac: str | None = MAC) -> Path:
    """Fetch the medium as firmware does: first how long it is, then the whole."""
    url = f"{server.url}/boot/medium.img" + (f"?mac={mac}" if mac else "")
    head = requests.head(url, timeout=10)
    reply = requests.get(url, timeout=30)
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "application/vnd.efi-img"
    assert int(head.headers["Content-Length"]) == len(reply.content)
    target.write_bytes(reply.content)
    return target


def read(image: Path, name: str) -> bytes:
    done = subprocess.run(["mtype", "-i", image, f"::{name}"], capture_output=True, check=True)
    return done.stdout


def test_a_machine_gets_signed_loaders_its_script_kernel_and_ramdisk(
    server: BootServer, tmp_path: Path
) -> None:
    node = server.add_node(MAC, state="wait call-back", target="ramdisk", name="web1")
    image = fetch(server, tmp_path / "medium.img")
    subprocess.run(["fsck.fat", "-n", image], check=True, capture_output=True)
    assert read(image, "EFI/BOOT/BOOTX64.EFI") == SHIM
    assert read(image, "EFI/BOOT/grubx64.efi") == GRUB
    assert read(image, "VMLINUZ") == KERNEL
    assert read(image, "INITRD") == INITRD
    script = read(image, "boot/grub/grub.cfg").decode()
    assert "if linux '/VMLINUZ' 'selinux=0'" in script
    assert "initrd '/INITRD'" in script
    assert script.rstrip().endswith("reboot")
    asked, fetched = server.events(node, count=2)
    assert "boots the ramdisk" in asked.message
    assert "fetched its medium" in fetched.message


def test_a_machine_that_nobody_knows_gets_a_medium_that_says_so_and_nothing_to_boot(
    server: BootServer, tmp_path: Path
) -> None:
    image = fetch(server, tmp_path / "medium.img", mac="52:54:00:aa:00:09")
    subprocess.run(["fsck.fat", "-n", image], check=True, capture_output=True)
    assert b"this machine is not known" in read(image, "boot/grub/grub.cfg")
    assert image.stat().st_size < len(INITRD)


def test_a_kernel_on_a_web_server_is_no_part_of_a_medium_and_the_script_says_why(
    server: BootServer, tmp_path: Path
) -> None:
    server.add_node(
        MAC, state="wait call-back", target="ramdisk", deploy_kernel="http://files.example/k"
    )
    image = fetch(server, tmp_path / "medium.img")
    assert b"cannot boot the ramdisk" in read(image, "boot/grub/grub.cfg")


def test_firmware_that_says_nothing_is_known_by_its_address_and_the_kernel_is_told_its_card(
    server: BootServer, tmp_path: Path
) -> None:
    server.add_node(MAC, state="wait call-back", target="ramdisk", name="web1")
    now = time.time()
    lease = DhcpEvent(mac=MAC, ip="127.0.0.1", at=now)
    take_lease(server.services, lease, 3600)
    script = read(fetch(server, tmp_path / "medium.img", mac=None), "boot/grub/grub.cfg").decode()
    assert "Ingot: node web1" in script
    assert f"'BOOTIF={MAC}'" in script
