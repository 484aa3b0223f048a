"""The lab: one private network with machines, their BMCs, a file server and the controller under test.

    with Lab(workdir=tmp_path) as lab:
        machine = lab.machine(name="m1", firmware=Firmware.UEFI)

Everything is gone at the end: after the ``with`` block, at the interpreter's exit, on SIGTERM and SIGHUP, and after SIGKILL (by the
watcher of `network`). Logs stay in ``workdir``.
"""

import atexit
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import uuid
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from tests.lab import accelerator
from tests.lab.controller import Controller, Setting
from tests.lab.errors import LabError
from tests.lab.hardware import (
    BmcKind,
    Bus,
    Disk,
    Firmware,
    Hardware,
    InstalledDisk,
    Nic,
    Screen,
    check_disk,
)
from tests.lab.http_server import HttpServer
from tests.lab.machine import Machine
from tests.lab.network import Network
from tests.lab.program import run
from tests.lab.qemu_run import install_nvram

_FIRST_BMC_HOST = 200
_MOST_MACHINES = 50
_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class Lab:
    """A lab that exists until ``close``; use it as a context manager.

    ``workdir`` gets the logs; without one they go to ``scratch``, which is removed at the end.
    """

    def __init__(self, *, workdir: Path | None = None) -> None:
        self.scratch = Path(tempfile.mkdtemp(prefix="ingot-lab-", dir="/var/tmp"))
        self.scratch.chmod(0o755)  # dnsmasq reads its files without root's rights
        self.logs = workdir or self.scratch / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.network = Network(scratch=self.scratch)
        self._accelerator = accelerator.chosen()
        self.machines: list[Machine] = []
        self._machines_made = 0
        atexit.register(self.close)
        self._handlers = self._catch_signals()

    def machine(
        self,
        *,
        name: str | None = None,
        firmware: Firmware = Firmware.BIOS,
        secure_boot: bool = False,
        memory_mib: int = 2048,
        cpus: int = 2,
        disks: Sequence[Disk] = (Disk(),),
        nics: int = 1,
        bmc: BmcKind = BmcKind.IPMI,
        screen: bool = False,
        extra_arguments: Sequence[str] = (),
        beside: Machine | None = None,
    ) -> Machine:
        """Put a powered-off machine into the rack.

        With ``screen`` it has a graphics card, and its BMC's address VNC; ``beside`` another one it has that one's Redfish BMC, and none
        of its own.

        Raises:
            LabError: The name is taken, the rack is full, or a disk cannot be made.
        """
        number, name = self._take_place(name)
        address = self.network.address(_FIRST_BMC_HOST + number)
        hardware = Hardware(
            name=name,
            uuid=str(uuid.uuid4()),
            firmware=firmware,
            memory_mib=memory_mib,
            cpus=cpus,
            disks=tuple(self._install(name, index, disk) for index, disk in enumerate(disks)),
            nics=self._nics(number, nics),
            accelerator=self._accelerator,
            uefi_variables=install_nvram(
                firmware, self.scratch / f"{name}.nvram", secure_boot=secure_boot
            ),
            secure_boot=secure_boot,
            usb=bmc is not BmcKind.IPMI,
            screen=Screen(address=address, password=secrets.token_hex(4)) if screen else None,
            extra_arguments=tuple(extra_arguments),
        )
        folder = None if bmc is BmcKind.IPMI else self.scratch / f"{name}.redfish"
        return self._rack(hardware, address, bmc, folder, beside)

    def _take_place(self, name: str | None) -> tuple[int, str]:
        """Return the number and the name of the next machine."""
        number = self._machines_made
        name = name or f"m{number + 1}"
        if any(machine.name == name for machine in self.machines):
            raise LabError(f"there is a machine {name!r} already; choose another name")
        if number >= _MOST_MACHINES:
            raise LabError(f"a lab has room for {_MOST_MACHINES} machines")
        self._machines_made += 1
        return number, name

    def _rack(
        self,
        hardware: Hardware,
        address: str,
        bmc: BmcKind,
        redfish_folder: Path | None,
        beside: Machine | None,
    ) -> Machine:
        if beside is not None and hardware.screen is not None:
            raise LabError("a machine beside another one has no address for a screen")
        machine = Machine(
            hardware,
            self.network,
            logs=self.logs,
            bmc_address=address,
            bmc_kind=bmc,
            redfish_folder=redfish_folder,
            beside=beside,
        )
        self.machines.append(machine)
        return machine

    def _nics(self, machine: int, count: int) -> tuple[Nic, ...]:
        net = self.network.number
        return tuple(
            Nic(mac=f"52:54:00:{net:02x}:{machine:02x}:{index:02x}", tap=f"m{machine}nic{index}")
            for index in range(count)
        )

    @cached_property
    def http(self) -> HttpServer:
        """A file server in the lab's network, started when first asked for."""
        return HttpServer(self.network.listen(self.network.gateway))

    def controller(self, *, settings: Mapping[str, Setting] | None = None) -> Controller:
        """Start the controller and wait for its API; ``settings`` adds to or replaces those of the lab.

        Raises:
            LabError: It does not come up.
        """
        controller = Controller(
            self.network,
            folder=self.scratch / "controller",
            log=self.logs / "controller.log",
            settings=settings or {},
        )
        controller.start()
        return controller

    def close(self) -> None:
        """Remove everything; twice is fine."""
        atexit.unregister(self.close)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}
        try:
            for machine in reversed(self.machines):
                machine.close()
            self.machines.clear()
            if "http" in self.__dict__:
                self.http.close()
        finally:
            self.network.close()
            shutil.rmtree(self.scratch, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _install(self, machine: str, index: int, disk: Disk) -> InstalledDisk:
        check_disk(disk)
        path = self.scratch / f"{machine}.disk{index}"
        if disk.image is not None:
            run("qemu-img", "convert", "-O", "raw", str(disk.image), str(path), timeout_s=600)
        with path.open("ab") as file:
            if file.tell() > disk.size_bytes:
                raise LabError(
                    f"{disk.image} has {file.tell()} bytes, the disk only {disk.size_bytes}"
                )
            file.truncate(disk.size_bytes)
        return InstalledDisk(
            path=path,
            size_bytes=disk.size_bytes,
            bus=Bus(disk.bus),
            serial=disk.serial or f"{machine}-disk{index}"[-20:],
            logical_block_bytes=disk.logical_block_bytes,
        )

    def _catch_signals(self) -> "dict[signal.Signals, signal._HANDLER]":
        """Turn SIGTERM and SIGHUP into an orderly exit, which unwinds the ``with`` block, as Ctrl-C does.

        Who has said already what they do, such as a run of tests, is left to it. Ctrl-C is set, too: background jobs of a shell begin with
        SIGINT ignored, and so do their children.
        """
        if threading.current_thread() is not threading.main_thread():
            return {}
        unset = [number for number in _SIGNALS if signal.getsignal(number) is signal.SIG_DFL]
        handlers = dict.fromkeys(unset, _exit_orderly)
        return {
            number: signal.signal(number, handler)
            for number, handler in {**handlers, signal.SIGINT: signal.default_int_handler}.items()
        }


def _exit_orderly(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)
