"""A BMC as a process of its own: it asks for what it needs over a socket pair, and takes faults on its standard input.

Questions and answers are JSON objects, one per line; this side answers with what the machine does.
"""

import contextlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Protocol

from tests.lab.errors import LabError
from tests.lab.hardware import BootDevice, BootOverride
from tests.lab.network import Network

_REPOSITORY = Path(__file__).resolve().parents[2]
_START_TIMEOUT_S = 20


class Chassis(Protocol):
    """The part of a machine that its BMC works on."""

    @property
    def name(self) -> str: ...
    @property
    def is_on(self) -> bool: ...
    @property
    def boot_override(self) -> BootOverride | None: ...
    def power_on(self) -> None: ...
    def power_off(self) -> None: ...
    def reset(self) -> None: ...
    def soft_off(self) -> None: ...
    def interrupt(self) -> None: ...
    def set_boot_device(self, device: BootDevice, *, persistent: bool, uefi: bool) -> None: ...


class BmcProgram:
    """Runs one BMC program on an address of its own; a subclass says which, and what else it may ask."""

    module: ClassVar[str]
    port: ClassVar[int]
    username = "admin"
    password = "lab-password"

    def __init__(self, machine: Chassis, network: Network, *, address: str, log: Path) -> None:
        self.address = address
        self.log = log
        self._machine = machine
        self._network = network
        self._applied = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        network.add_address(address)
        self.start()

    @property
    def pid(self) -> int:
        """Process number of the BMC.

        Raises:
            LabError: It is stopped.
        """
        if self._process is None:
            raise LabError(f"the BMC of {self._machine.name} is stopped; call start() first")
        return self._process.pid

    def start(self) -> None:
        """Start the BMC and wait until it listens; one that runs is left alone.

        Raises:
            LabError: It did not come up; its log says why.
        """
        if self._process is not None:
            return
        ours, theirs = socket.socketpair()
        words = (sys.executable, "-m", self.module, self.address, str(self.port), self.username)
        more = self._more_sockets()
        passed = [one.fileno() for one in (theirs, *more)]
        with theirs, self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._network.command(*words, *(str(one) for one in passed)),
                cwd=_REPOSITORY,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=passed,
                start_new_session=True,
            )
        for one in more:
            one.close()
        self._socket = ours
        self._applied.clear()
        threading.Thread(target=self._serve, args=(ours,), name="bmc", daemon=True).start()
        self._tell({"password": self.password, **self._more_secrets()})

    def stop(self) -> None:
        """End the BMC, as when its cable is pulled; ``start`` brings it back without faults."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        if process.stdin:
            process.stdin.close()
        if self._socket:
            self._socket.close()

    def _more_secrets(self) -> dict[str, Any]:
        """Return what the program must know from its start beside the password."""
        return {}

    def _asked_about(self, question: dict[str, Any]) -> Chassis:
        """Return the machine that a question is about; a BMC of several finds it in the question."""
        return self._machine

    def _more_sockets(self) -> Sequence[socket.socket]:
        """Return what the program gets beside its socket to the lab; closed here when it has started."""
        return ()

    def _tell(self, order: dict[str, Any]) -> None:
        process = self._process
        if process is None or process.stdin is None:
            raise LabError(f"the BMC of {self._machine.name} is stopped; call start() first")
        self._applied.clear()
        process.stdin.write(json.dumps(order).encode() + b"\n")
        process.stdin.flush()
        if not self._applied.wait(_START_TIMEOUT_S):
            raise LabError(f"the BMC of {self._machine.name} does not answer; see {self.log}")

    def _serve(self, connection: socket.socket) -> None:
        """Answer the BMC process until it ends."""
        # an end in the middle of a question shows in the answer, or when what is left of that is flushed
        with (
            contextlib.suppress(OSError),
            connection,
            connection.makefile("rw", encoding="utf-8") as stream,
        ):
            for line in stream:
                stream.write(json.dumps(self._answer(json.loads(line))) + "\n")
                stream.flush()

    def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._carry_out(question)
        except LabError as error:
            return {"error": str(error)}

    def _carry_out(self, question: dict[str, Any]) -> dict[str, Any]:
        machine = self._asked_about(question)
        actions: dict[str, Callable[[], None]] = {
            "applied": self._applied.set,
            "power on": machine.power_on,
            "power off": machine.power_off,
            "reset": machine.reset,
            "soft off": machine.soft_off,
            "interrupt": machine.interrupt,
        }
        match question["do"]:
            case "is on":
                return {"on": machine.is_on}
            case "boot flags":
                override = machine.boot_override
                return {"flags": None if override is None else asdict(override)}
            case "set boot flags":
                machine.set_boot_device(
                    BootDevice(question["device"]),
                    persistent=question["persistent"],
                    uefi=question["uefi"],
                )
            case action:
                actions[action]()
        return {}
