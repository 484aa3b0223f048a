"""A machine that is started once, frozen, and thawed as often as wished, each time with other disks behind it.

Starting the deploy ramdisk takes half a minute of emulation, thawing it a second: the guest's memory is a file that every
thawed machine maps privately, so nothing is copied. There is no network; kernel and initramfs are started directly.
"""

import json
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.lab.accelerator import TCG
from tests.lab.console import Console
from tests.lab.disks.block_nodes import Node
from tests.lab.errors import LabError
from tests.lab.qmp import Qmp

_POLL_S = 0.02
_STATE_TIMEOUT_S = 60
_IGNORE_SHARED = {"capability": "x-ignore-shared", "state": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenHardware:
    """What stays the same over every thaw; ``serials`` are those of the virtio disks, in order."""

    kernel: Path
    initramfs: Path
    arguments: str
    memory_mib: int
    serials: tuple[str, ...]


class RunningMachine:
    """A QEMU process with its serial line and its control connection; use as a context manager."""

    def __init__(self, words: Sequence[str], *, log: Path) -> None:
        ours, theirs = socket.socketpair()
        self.console = Console(log)
        qmp = (
            "-chardev",
            f"socket,id=qmp,fd={theirs.fileno()}",
            "-mon",
            "chardev=qmp,mode=control",
        )
        with theirs, log.with_suffix(".qemu.log").open("ab") as errors:
            self._process = subprocess.Popen(
                (*words, *qmp),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                pass_fds=(theirs.fileno(),),
            )
        self.qmp = Qmp(ours)
        pipes = (self._process.stdout, self._process.stdin)
        self._reader = threading.Thread(target=self.console.read_from, args=pipes, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def kill(self) -> None:
        """Cut the power (SIGKILL); twice is fine."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self.qmp.join()

    def quit(self) -> None:
        """Have QEMU end in order, so that its own files are complete."""
        self.qmp.execute("stop")
        self.qmp.execute("quit")
        self._process.wait(_STATE_TIMEOUT_S)

    def operations(self, serial: str) -> int:
        """Return how many writes, zeroings and flushes a disk has finished."""
        (stats,) = (
            disk["stats"]
            for disk in self.qmp.execute("query-blockstats")
            if disk["qdev"].startswith(f"/machine/peripheral/{serial}/")
        )
        kinds = ("wr_operations", "unmap_operations", "flush_operations")
        return sum(int(stats[kind]) for kind in kinds)

    def wait_until(self, command: str, field: str, *wanted: str) -> None:
        """Ask QEMU until a field of an answer has one of the values.

        Raises:
            LabError: It does not within a minute, or the field says ``failed``.
        """
        deadline = time.monotonic() + _STATE_TIMEOUT_S
        while (value := self.qmp.execute(command).get(field)) not in wanted:
            if value == "failed" or time.monotonic() > deadline:
                raise LabError(f"QMP {command}: {field} is {value}; wanted was {wanted}")
            time.sleep(_POLL_S)


class FrozenMachine:
    """The memory and the devices' state of a machine at one moment."""

    def __init__(self, hardware: FrozenHardware, folder: Path) -> None:
        self._hardware = hardware
        self._memory = folder / "memory"
        self._state = folder / "devices"

    def freeze(self, disks: Sequence[Node], ready: str, *, timeout_s: float, log: Path) -> None:
        """Start the machine, wait until its console shows ``ready``, and keep it as it is then."""
        with RunningMachine(self._words(disks, shared=True), log=log) as machine:
            machine.console.wait_for(ready, timeout_s=timeout_s)
            machine.qmp.execute("stop")
            _keep_memory_out(machine)
            machine.qmp.execute("migrate", uri=f"exec:cat >{self._state}")
            machine.wait_until("query-migrate", "status", "completed")

    def thaw(self, disks: Sequence[Node], *, log: Path) -> RunningMachine:
        """Return the machine, running on from where it was frozen, with ``disks`` of the same sizes as then."""
        words = (*self._words(disks, shared=False), "-incoming", "defer")
        machine = RunningMachine(words, log=log)
        try:
            _keep_memory_out(machine)
            machine.qmp.execute("migrate-incoming", uri=f"exec:cat {self._state}")
            machine.wait_until("query-status", "status", "paused", "running")
            machine.qmp.execute("cont")
        except BaseException:
            machine.kill()
            raise
        return machine

    def _words(self, disks: Sequence[Node], *, shared: bool) -> tuple[str, ...]:
        hardware = self._hardware
        memory = (
            f"memory-backend-file,id=memory,size={hardware.memory_mib}M,mem-path={self._memory},"
            f"share={'on' if shared else 'off'}"
        )
        words = [
            *("qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none"),
            *("-accel", TCG, "-cpu", "max", "-smp", "2", "-m", f"{hardware.memory_mib}M"),
            *("-machine", "q35,graphics=off,memory-backend=memory", "-object", memory),
            *("-kernel", str(hardware.kernel), "-initrd", str(hardware.initramfs)),
            *("-append", f"console=ttyS0,115200 no_timer_check {hardware.arguments}"),
            *("-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"),
        ]
        for serial, node in zip(hardware.serials, disks, strict=True):
            words += ("-blockdev", json.dumps({**node, "node-name": serial}))
            device = f"virtio-blk-pci,drive={serial},id={serial},serial={serial}"
            # the guest hears of a full file system too, instead of being stopped
            words += ("-device", f"{device},werror=report,rerror=report")
        return tuple(words)


def _keep_memory_out(machine: RunningMachine) -> None:
    """Leave the guest's memory out of the saved state: it is in its file."""
    machine.qmp.execute("migrate-set-capabilities", capabilities=[_IGNORE_SHARED])
