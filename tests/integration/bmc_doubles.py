"""BMCs for the tests of the drivers: pyghmi's own as a process, and the laboratory's without a QEMU machine behind it."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.bmc import VirtualBmc
from tests.lab.hardware import BootDevice, BootOverride
from tests.lab.network import Network
from tests.lab.serial_line import SerialLine

PASSWORD = "correct-horse"  # never in a message, a log or an argument
_PROGRAM = Path(__file__).with_name("plain_bmc.py")


class PlainBmcs:
    """One process with ``count`` BMCs on successive ports of the loopback."""

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self.port = _free_ports(count)
        self._process = self._start()

    def info(self, number: int = 0, **changes: Any) -> dict[str, Any]:
        """Return the ``driver_info`` of one of the BMCs."""
        return {
            "ipmi_address": "127.0.0.1",
            "ipmi_port": self.port + number,
            "ipmi_username": "admin",
            "ipmi_password": PASSWORD,
            **changes,
        }

    def set_faults(self, **faults: object) -> None:
        """Misbehave in exactly these ways from now on."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(faults) + "\n")
        self._process.stdin.flush()
        self._expect("set")

    def restart(self) -> None:
        """Forget all sessions and power states, as a BMC does that restarts."""
        self.stop()
        self._process = self._start()

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _start(self) -> "subprocess.Popen[str]":
        words = [sys.executable, str(_PROGRAM), str(self.port), str(self.count), "admin", PASSWORD]
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._expect("ready")
        return self._process

    def _expect(self, word: str) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == f"{word}\n"


@dataclass(slots=True)
class Chassis:
    """A machine that is its power state and its boot flags."""

    name: str = "m1"
    is_on: bool = False
    interrupts: int = 0
    boot_override: BootOverride | None = None

    def power_on(self) -> None:
        self.is_on = True

    def power_off(self) -> None:
        self.is_on = False

    def reset(self) -> None:
        self.is_on = True

    def soft_off(self) -> None:
        self.is_on = False

    def interrupt(self) -> None:
        self.interrupts += 1

    def set_boot_device(self, device: BootDevice, *, persistent: bool, uefi: bool) -> None:
        self.boot_override = BootOverride(device=device, persistent=persistent, uefi=uefi)


@dataclass(frozen=True, slots=True)
class LabMachine:
    """A chassis with the laboratory's BMC."""

    chassis: Chassis
    bmc: VirtualBmc
    network: Network

    @property
    def info(self) -> dict[str, Any]:
        return {
            "ipmi_address": self.bmc.address,
            "ipmi_port": self.bmc.port,
            "ipmi_username": self.bmc.username,
            "ipmi_password": self.bmc.password,
        }


@contextmanager
def lab_machine(directory: Path, serial: SerialLine | None = None) -> Iterator[LabMachine]:
    """Give a machine whose BMC is in a network namespace of its own; with ``serial`` it offers that line over LAN."""
    network = Network(scratch=directory)
    try:
        chassis = Chassis()
        address, log = network.address(20), directory / "bmc.log"
        bmc = VirtualBmc(chassis, network, address=address, log=log, serial=serial)
        try:
            yield LabMachine(chassis, bmc, network)
        finally:
            bmc.stop()
    finally:
        network.close()


def _free_ports(count: int) -> int:
    """Return the first of ``count`` successive UDP ports that nobody has."""
    for first in range(20_000, 60_000, count):
        sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
        try:
            for number, probe in enumerate(sockets):
                probe.bind(("127.0.0.1", first + number))
        except OSError:
            continue
        else:
            return first
        finally:
            for probe in sockets:
                probe.close()
    raise AssertionError("no free ports")
