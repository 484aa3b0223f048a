"""The deploy ramdisk by itself: it starts in 1 GB without a controller, brings the agent up, and lets nobody in unasked."""

import os
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.lab.console import Console
from tests.lab.demo.keys import make_key
from tests.lab.errors import LabError
from tests.lab.program import run

pytestmark = [pytest.mark.vm, pytest.mark.timeout(900)]

RAMDISK = Path(__file__).resolve().parents[2] / "build/ramdisk"
MAC = "52:54:00:1a:07:01"
# What real Ironic puts before its own arguments; nothing of it may disturb the start.
ARGUMENTS = (
    "selinux=0 troubleshoot=0 text nofb nomodeset vga=normal console=tty0 console=ttyS0,115200n8 "
    "ipa-api-url=http://10.0.2.2:9 ipa-global-request-id=req-1"
)
BOOT_S = 240
PHASES = ("init started", "network drivers loaded", "network up", "agent started")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Started:
    """A running machine: its console, its monitor, and the local port that leads to its SSH port."""

    def __init__(self, folder: Path, arguments: str, *, memory_mib: int) -> None:
        disk = folder / "disk"
        with disk.open("wb") as file:
            file.truncate(64 << 20)
        self.ssh_port = free_port()
        self.console = Console(folder / "console.log")
        self.monitor = folder / "monitor"
        self.qemu = subprocess.Popen(
            [
                *("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2"),
                *("-m", str(memory_mib), "-nodefaults", "-no-reboot", "-display", "none"),
                *("-serial", "stdio", "-monitor", f"unix:{self.monitor},server,nowait"),
                *("-netdev", f"user,id=n,hostfwd=tcp:127.0.0.1:{self.ssh_port}-:22"),
                *("-device", f"virtio-net-pci,netdev=n,mac={MAC}"),
                *("-drive", f"file={disk},if=none,id=d,format=raw"),
                *("-device", "virtio-blk-pci,drive=d,serial=RAMDISK-TEST"),
                *("-kernel", str(RAMDISK / "ingot.vmlinuz")),
                *("-initrd", str(RAMDISK / "ingot.initramfs")),
                *("-append", f"{ARGUMENTS} {arguments}"),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert self.qemu.stdout
        assert self.qemu.stdin
        reading = (self.qemu.stdout, self.qemu.stdin)
        self.reader = threading.Thread(target=self.console.read_from, args=reading, daemon=True)
        self.reader.start()

    def phases(self) -> list[str]:
        """Wait for the agent and return the names of the phases in the order in which they were announced."""
        self.console.wait_for(r"ingot: agent started after \S+ s", timeout_s=BOOT_S)
        return [
            found[1]
            for line in self.console.lines
            if (found := re.search(r"ingot: (.+?) after \d+\.\d+ s", line.text))
        ]

    def press_power_button(self) -> None:
        """Press every 5 s, as people do, until the machine answers."""
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.connect(str(self.monitor))
            for _ in range(12):
                monitor.sendall(b"system_powerdown\n")
                with suppress(LabError):
                    self.console.wait_for("ingot: power off", timeout_s=5)
                    return
        raise AssertionError("the power button does nothing")

    def wait_for_end(self, timeout_s: float) -> None:
        """Wait until the machine has switched itself off; with -no-reboot a reset ends it too."""
        assert self.qemu.wait(timeout_s) == 0


@contextmanager
def started(folder: Path, arguments: str = "", *, memory_mib: int = 1024) -> Iterator[Started]:
    machine = Started(folder, arguments, memory_mib=memory_mib)
    try:
        yield machine
    finally:
        machine.qemu.kill()
        machine.qemu.wait()
        machine.reader.join(10)


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
        options = ("BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null")
        words = [word for option in options for word in ("-o", option)]
        ssh = (
            *("ssh", "-F", "/dev/null", "-i", str(key.private_file), "-o", "LogLevel=ERROR"),
            *(*words, "-p", str(machine.ssh_port), "root@127.0.0.1"),
        )
        seen = run(
            *(
                *ssh,
                "cat /run/ingot/boot.log; ls /dev/disk/by-id /dev/disk/by-path; cat /proc/1/environ",
            ),
            timeout_s=120,
        )
        assert "network up" in seen
        assert "virtio-RAMDISK-TEST" in seen
        assert "pci-0000:00:03.0" in seen
        assert "login:" not in machine.console.text
        run(*ssh, "poweroff", timeout_s=60)
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
