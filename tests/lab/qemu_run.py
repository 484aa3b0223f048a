"""One run of QEMU: a machine's time from its power-on, or from the start of its firmware, to its end."""

import shutil
import socket
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.lab.console import Console
from tests.lab.errors import LabError
from tests.lab.hardware import (
    SECURE_VARIABLES,
    UEFI_VARIABLES,
    BootDevice,
    Firmware,
    Hardware,
    qemu_arguments,
)
from tests.lab.network import Network
from tests.lab.qmp import Qmp


@dataclass(frozen=True, slots=True, kw_only=True)
class QemuRun:
    """A process, the door to its controls, and the thread that reads its serial line."""

    process: subprocess.Popen[bytes]
    qmp: Qmp
    reader: threading.Thread

    def kill(self) -> None:
        """End it at once, and wait for that."""
        self.process.kill()
        self.wait()

    def wait(self) -> None:
        """Wait for its end, and until all that it said is read."""
        self.process.wait()
        self.reader.join()
        self.qmp.join()


def start_qemu(
    hardware: Hardware,
    boot: BootDevice,
    media: Mapping[str, Path],
    *,
    network: Network,
    console: Console,
    log: Path,
) -> QemuRun:
    """Start a machine that boots from ``boot``, with these media in its slots; what QEMU says goes to the end of ``log``."""
    ours, theirs = socket.socketpair()
    arguments = qemu_arguments(hardware, boot, qmp_descriptor=theirs.fileno(), media=media)
    with theirs, log.open("ab") as output:
        process = subprocess.Popen(
            network.command(*arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )
    pipes = (_pipe(process.stdout), _pipe(process.stdin))
    reader = threading.Thread(target=console.read_from, args=pipes, daemon=True)
    reader.start()
    qmp = Qmp(ours)
    if hardware.screen:
        qmp.execute("set_password", protocol="vnc", password=hardware.screen.password)
    return QemuRun(process=process, qmp=qmp, reader=reader)


def install_nvram(firmware: Firmware, path: Path, *, secure_boot: bool = False) -> Path | None:
    """Give a UEFI machine an NVRAM of its own, which lives as long as the machine; BIOS needs none."""
    if firmware is Firmware.BIOS:
        return None
    shutil.copyfile(SECURE_VARIABLES if secure_boot else UEFI_VARIABLES, path)
    return path


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise LabError("QEMU was started without pipes")
    return pipe
