"""The deploy ramdisk by itself: it starts in 1 GB without a controller, brings the agent up, and lets nobody in unasked."""

import os
import socket
from pathlib import Path

import pytest

from tests.e2e.lone_ramdisk import BOOT_S, MAC, RAMDISK, started
from tests.lab.demo.keys import make_key
from tests.lab.program import run

pytestmark = [pytest.mark.vm, pytest.mark.timeout(900)]

PHASES = ("init started", "network drivers loaded", "network up", "agent started")


def ssh_banner(port: int) -> bytes:
    """Return what the SSH port says first: nothing when nobody listens in the machine."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        try:
            return connection.recv(100)
        except (ConnectionResetError, TimeoutError):
            return b""


def test_it_starts_in_1_gb_and_offers_neither_a_login_nor_a_shell(tmp_path: Path) -> None:
    with started(tmp_path, f"BOOTIF={MAC}") as machine:
        phases = machine.phases()
        assert [phase for phase in phases if phase in PHASES] == list(PHASES)
        machine.console.wait_for("ingot: devices settled", timeout_s=BOOT_S)

        machine.console.type("\n\nroot\n\x03\necho a-shell-$((6 * 7))\n")
        assert ssh_banner(machine.ssh_port) == b""
        machine.press_power_button()
        machine.wait_for_end(timeout_s=60)
        assert "login:" not in machine.console.text
        assert "a-shell-42" not in machine.console.text
        assert "Kernel panic" not in machine.console.text


def test_the_operators_key_opens_ssh_and_nothing_on_the_console(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    pxelinux_mac = "01-" + MAC.replace(":", "-")
    with started(tmp_path, f'BOOTIF={pxelinux_mac} sshkey="{key.public}"') as machine:
        machine.console.wait_for("login for the operator opened", timeout_s=BOOT_S)
        machine.phases()
        seen = machine.run_inside(
            key,
            "cat /run/ingot/boot.log; ls /dev/disk/by-id /dev/disk/by-path; cat /proc/1/environ",
        )
        assert "network up" in seen
        assert "virtio-DISK-0" in seen
        assert "pci-0000:00:03.0" in seen
        assert "login:" not in machine.console.text
        machine.run_inside(key, "poweroff", timeout_s=60)
        machine.wait_for_end(timeout_s=60)


def test_a_password_hash_opens_a_login_on_the_console_and_does_not_leak(tmp_path: Path) -> None:
    password = "let-the-operator-in"  # of this test only
    hashed = run("openssl", "passwd", "-6", "-salt", "pepper", password).strip()
    with started(tmp_path, f"rootpwd={hashed}") as machine:
        machine.console.wait_for("login:", timeout_s=BOOT_S)
        machine.phases()
        machine.console.type("root\n")
        machine.console.wait_for("Password:", timeout_s=60)
        machine.console.type(f"{password}\n")
        machine.console.wait_for(r"ingot:~#|# $", timeout_s=60)
        machine.console.type("echo found-$(grep -sl rootpwd= /proc/[0-9]*/environ | wc -l)-times\n")
        machine.console.wait_for(r"found-\d+-times", timeout_s=60)
        assert "found-0-times" in machine.console.text
        machine.console.type("reboot\n")
        machine.wait_for_end(timeout_s=60)


@pytest.fixture(autouse=True)
def _needs_nothing_but_the_ramdisk() -> None:
    if not (RAMDISK / "ingot.initramfs").exists():
        pytest.skip(f"make ramdisk builds {RAMDISK}/ingot.initramfs")
    assert os.access("/usr/bin/qemu-system-x86_64", os.X_OK)
