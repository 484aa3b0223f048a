"""The deploy ramdisk on a machine of its own, without a controller: for tests that look at the ramdisk from inside and outside."""

import re
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.lab.console import Console
from tests.lab.demo.keys import SshKey
from tests.lab.errors import LabError
from tests.lab.ports import free_port
from tests.lab.program import run

RAMDISK = Path(__file__).resolve().parents[2] / "build/ramdisk"
MAC = "52:54:00:1a:07:01"
# What real Ironic puts before its own arguments; nothing of it may disturb the start.
ARGUMENTS = (
    "selinux=0 troubleshoot=0 text nofb nomodeset vga=normal console=tty0 console=ttyS0,115200n8 no_timer_check "
    "ipa-api-url=http://10.0.2.2:9 ipa-global-request-id=req-1"
)
BOOT_S = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class BareDisk:
    """A virtio disk, empty unless the folder has it already; its serial number is ``DISK-`` and its place.

    With several ``paths`` it is a LUN: so many SCSI disks with the same serial number and WWN, all of them the same file.
    """

    size_bytes: int = 64 << 20
    sector_bytes: int = 512
    paths: int = 1


class Started:
    """A running machine: its console, its monitor, and the local port that leads to its SSH port."""

    def __init__(
        self,
        folder: Path,
        arguments: str,
        disks: Sequence[BareDisk],
        *,
        memory_mib: int,
        devices: Sequence[str] = (),
        ramdisk: Path = RAMDISK / "ingot",
    ) -> None:
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
                *(word for place in enumerate(disks) for word in disk_words(folder, *place)),
                *devices,
                *("-kernel", f"{ramdisk}.vmlinuz"),
                *("-initrd", f"{ramdisk}.initramfs"),
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

    def ssh_words(self, key: SshKey) -> tuple[str, ...]:
        """Return the command line that runs its last word in the machine; wait for the login before."""
        options = ("BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null")
        words = [word for option in options for word in ("-o", option)]
        return (
            *("ssh", "-F", "/dev/null", "-i", str(key.private_file), "-o", "LogLevel=ERROR"),
            *(*words, "-p", str(self.ssh_port), "root@127.0.0.1"),
        )

    def run_inside(self, key: SshKey, command: str, *, timeout_s: float = 120) -> str:
        """Run a shell command in the machine and return what it prints."""
        return run(*self.ssh_words(key), command, timeout_s=timeout_s)


def disk_words(folder: Path, number: int, disk: BareDisk) -> tuple[str, ...]:
    """Return the words for QEMU that make the disk at this place; its file is made if it is not there."""
    file = folder / f"disk-{number}"
    with file.open("ab") as made:
        made.truncate(disk.size_bytes)
    size = disk.sector_bytes
    if disk.paths > 1:
        same = f"drive=d{number},share-rw=on,serial=DISK-{number},wwn={0x5000C500A1B2C300 + number}"
        return (
            *("-device", f"virtio-scsi-pci,id=s{number}"),
            *("-blockdev", f"driver=raw,node-name=d{number},file.driver=file,file.filename={file}"),
            *(w for _ in range(disk.paths) for w in ("-device", f"scsi-hd,bus=s{number}.0,{same}")),
        )
    device = f"virtio-blk-pci,drive=d{number},serial=DISK-{number}"
    return (
        *("-drive", f"file={file},if=none,id=d{number},format=raw"),
        *("-device", f"{device},logical_block_size={size},physical_block_size={size}"),
    )


@contextmanager
def started(
    folder: Path,
    arguments: str = "",
    *,
    memory_mib: int = 1024,
    disks: Sequence[BareDisk] = (BareDisk(),),
    devices: Sequence[str] = (),
    ramdisk: Path = RAMDISK / "ingot",
) -> Iterator[Started]:
    """Start a ramdisk, with more ``devices`` as words for QEMU, and take the machine away in the end.

    ``ramdisk`` is the path of its two files without ``.vmlinuz`` and ``.initramfs``.
    """
    machine = Started(
        folder, arguments, disks, memory_mib=memory_mib, devices=devices, ramdisk=ramdisk
    )
    try:
        yield machine
    finally:
        machine.qemu.kill()
        machine.qemu.wait()
        machine.reader.join(10)
