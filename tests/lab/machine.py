"""A virtual server: power, boot device and what happened to it. QEMU is its hardware; its BMC is in `bmc`.

As with a real server, power is independent of what runs on it: a guest that shuts down leaves the server off, a guest that
reboots leaves it on and goes through the firmware again, a power cut loses what was not written.
"""

import shutil
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO

from tests.lab.bmc import VirtualBmc
from tests.lab.console import Console
from tests.lab.errors import LabError
from tests.lab.hardware import (
    UEFI_VARIABLES,
    BootDevice,
    BootOverride,
    Firmware,
    Hardware,
    InstalledDisk,
    Nic,
    qemu_arguments,
)
from tests.lab.network import Network
from tests.lab.qmp import Qmp


class EventKind(StrEnum):
    """What can happen to a machine."""

    POWER_ON = "power on"
    POWER_OFF = "power off"
    RESET = "reset"
    SOFT_OFF = "soft off asked"
    GUEST_SHUTDOWN = "guest shut down"
    GUEST_REBOOT = "guest rebooted"
    EXIT = "QEMU ended by itself"
    BOOT_DEVICE_SET = "boot device set"
    BOOT = "boot"
    """The firmware starts; the detail is the boot device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something happened at ``time_s`` (``time.monotonic()``)."""

    time_s: float
    kind: EventKind
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    process: subprocess.Popen[bytes]
    qmp: Qmp
    reader: threading.Thread


class Machine:
    """One virtual server; made by ``Lab.machine``. Every method may be called from any thread."""

    def __init__(
        self, hardware: Hardware, network: Network, *, logs: Path, bmc_address: str
    ) -> None:
        self.hardware = hardware
        self.name = hardware.name
        self.console = Console(logs / f"{self.name}.console.log")
        self.qemu_log = logs / f"{self.name}.qemu.log"
        self._network = network
        self._events: list[Event] = []
        self._override: BootOverride | None = None
        self._run: _Run | None = None
        self._changed = threading.Condition(threading.RLock())
        for nic in hardware.nics:
            network.add_tap(nic.tap)
        self.bmc = VirtualBmc(self, network, address=bmc_address, log=logs / f"{self.name}.bmc.log")

    @property
    def nics(self) -> tuple[Nic, ...]:
        return self.hardware.nics

    @property
    def disks(self) -> tuple[InstalledDisk, ...]:
        return self.hardware.disks

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything that happened, oldest first."""
        with self._changed:
            return tuple(self._events)

    @property
    def is_on(self) -> bool:
        with self._changed:
            return self._run is not None

    @property
    def qemu_pid(self) -> int:
        """Process number of the machine's QEMU.

        Raises:
            LabError: The machine is off.
        """
        with self._changed:
            return self._running().process.pid

    @property
    def boot_override(self) -> BootOverride | None:
        """The boot flags as they stand; ``None`` = the firmware's own order."""
        with self._changed:
            return self._override

    def power_on(self) -> None:
        """Switch the machine on; one that is on stays as it is."""
        with self._changed:
            if self._run is None:
                self._record(EventKind.POWER_ON)
                self._start()

    def power_off(self) -> None:
        """Cut the power: what the guest had not written is lost."""
        with self._changed:
            if self._run is not None:
                self._stop()
                self._record(EventKind.POWER_OFF)

    def reset(self) -> None:
        """Start over at once, through the firmware.

        Raises:
            LabError: The machine is off.
        """
        with self._changed:
            self._running()
            self._stop()
            self._record(EventKind.RESET)
            self._start()

    def soft_off(self) -> None:
        """Press the power button (ACPI); the guest decides what to make of it."""
        with self._changed:
            if self._run is not None:
                self._record(EventKind.SOFT_OFF)
                self._run.qmp.execute("system_powerdown")

    def interrupt(self) -> None:
        """Send a non-maskable interrupt.

        Raises:
            LabError: The machine is off.
        """
        with self._changed:
            self._running().qmp.execute("inject-nmi")

    def set_boot_device(
        self, device: BootDevice, *, persistent: bool = False, uefi: bool = False
    ) -> None:
        """Set the boot flags for the next start (power on, reset or guest reboot); DEFAULT clears them."""
        with self._changed:
            self._override = (
                None
                if device is BootDevice.DEFAULT
                else BootOverride(device=device, persistent=persistent, uefi=uefi)
            )
            how = "persistent" if persistent else "once"
            self._record(EventKind.BOOT_DEVICE_SET, f"{device} {how}")

    def wait_for_event(self, kind: EventKind, *, timeout_s: float, after: int = 0) -> Event:
        """Wait for an event of ``kind`` among ``events[after:]``.

        Raises:
            LabError: There is none within ``timeout_s`` seconds.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                for event in self._events[after:]:
                    if event.kind is kind:
                        return event
                if not self._changed.wait(max(0, deadline - time.monotonic())):
                    happened = ", ".join(f"{event.kind} {event.detail}" for event in self._events)
                    raise LabError(
                        f"{self.name}: no {kind!r} within {timeout_s:g} s, but: {happened}"
                    )

    def qmp(self, command: str, **arguments: object) -> object:
        """Give QEMU a control order (``query-blockstats`` ...) and return its answer.

        Raises:
            LabError: The machine is off, or QEMU refuses.
        """
        with self._changed:
            return self._running().qmp.execute(command, **arguments)

    def close(self) -> None:
        """Switch off and take the machine out of the rack; its disks are deleted, its logs stay."""
        self.bmc.stop()
        self.power_off()
        for nic in self.nics:
            self._network.remove_tap(nic.tap)
        for disk in self.disks:
            disk.path.unlink(missing_ok=True)

    def _running(self) -> _Run:
        if self._run is None:
            raise LabError(f"{self.name} is off; switch it on")
        return self._run

    def _start(self) -> None:
        boot = self._override.device if self._override else BootDevice.DEFAULT
        if self._override and not self._override.persistent:
            self._override = None
        ours, theirs = socket.socketpair()
        arguments = qemu_arguments(self.hardware, boot, qmp_descriptor=theirs.fileno())
        with theirs, self.qemu_log.open("ab") as log:
            process = subprocess.Popen(
                self._network.command(*arguments),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        pipes = (_pipe(process.stdout), _pipe(process.stdin))
        reader = threading.Thread(target=self.console.read_from, args=pipes, daemon=True)
        reader.start()
        self._run = _Run(process=process, qmp=Qmp(ours), reader=reader)
        threading.Thread(target=self._watch, args=(self._run,), daemon=True).start()
        self._record(EventKind.BOOT, boot)

    def _stop(self) -> None:
        run, self._run = self._run, None
        if run is not None:
            run.process.kill()
            _wait_for_end(run)

    def _watch(self, run: _Run) -> None:
        """Wait for the end of one QEMU process and, if it ended by itself, do what the server would do."""
        _wait_for_end(run)
        with self._changed:
            if self._run is not run:  # power_off or reset ended it
                return
            self._run = None
            match run.qmp.shutdown_reason:
                case "guest-reset":
                    self._record(EventKind.GUEST_REBOOT)
                    self._start()
                case "guest-shutdown":
                    self._record(EventKind.GUEST_SHUTDOWN)
                case reason:
                    detail = (
                        f"status {run.process.returncode}, reason {reason}; see {self.qemu_log}"
                    )
                    self._record(EventKind.EXIT, detail)

    def _record(self, kind: EventKind, detail: str = "") -> None:
        self._events.append(Event(time_s=time.monotonic(), kind=kind, detail=detail))
        self._changed.notify_all()


def install_nvram(firmware: Firmware, path: Path) -> Path | None:
    """Give a UEFI machine an NVRAM of its own, which lives as long as the machine; BIOS needs none."""
    if firmware is Firmware.BIOS:
        return None
    shutil.copyfile(UEFI_VARIABLES, path)
    return path


def _wait_for_end(run: _Run) -> None:
    run.process.wait()
    run.reader.join()
    run.qmp.join()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise LabError("QEMU was started without pipes")
    return pipe
