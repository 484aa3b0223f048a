"""A switched PDU: a real snmpd, whose outlets switch the machines that are plugged in. Debian's package ``snmpd``."""

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from tests.lab.errors import LabError
from tests.lab.network import Network
from tests.lab.pdu.models import MODELS, Model

_AGENT_PART = Path(__file__).with_name("agent_part.py")
_SNMPD = shutil.which("snmpd", path="/usr/sbin:/usr/bin:/sbin")
_START_TIMEOUT_S = 20
READ_COMMUNITY = "lab-readers"
WRITE_COMMUNITY = "lab-writers"
USER = "ann"
AUTH_KEY = "correct-horse"
PRIV_KEY = "battery-staple"


class PluggedIn(Protocol):
    """What hangs on an outlet: it starts when power comes, as a machine whose firmware is set so."""

    def power_on(self) -> None: ...
    def power_off(self) -> None: ...


@dataclass(slots=True)
class Faults:
    """How the PDU misbehaves; the defaults are a good one."""

    ignores_orders: bool = False
    """Accepts them and does nothing."""
    takes_s: float = 0
    """It switches so long after the order, and says that it is about to where its MIB has a word for it."""


@dataclass(slots=True)
class _Outlet:
    machine: PluggedIn
    is_on: bool = False
    wanted: bool = False
    due_at: float = 0.0


class Pdu:
    """Runs one snmpd; use it as a context manager."""

    def __init__(
        self,
        kind: str,
        outlets: Mapping[int, PluggedIn],
        *,
        folder: Path,
        network: Network | None = None,
        address: str = "127.0.0.1",
        auth: str = "SHA-256",
        priv: str = "AES",
    ) -> None:
        """Start it; ``kind`` is a key of ``MODELS``. With a network it is inside, at ``address``, which is made."""
        self.kind = kind
        self.model: Model = MODELS[kind]
        self.outlets = {number: _Outlet(machine) for number, machine in outlets.items()}
        self.faults = Faults()
        self.asked: list[str] = []
        self.address = address
        self._folder = folder
        self._network = network
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._server = socket.socket(socket.AF_UNIX)
        self._path = folder / "lab.socket"
        self._server.bind(str(self._path))
        self._server.listen()
        threading.Thread(target=self._accept, daemon=True).start()
        if network:
            network.add_address(address)
        self.port = 161 if network else _free_port()
        self._write_settings(auth, priv)
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def driver_info(self) -> dict[str, Any]:
        """What a node says to reach it by version 2c, without the outlet."""
        return {
            "snmp_address": self.address,
            "snmp_port": self.port,
            "snmp_driver": self.kind,
            "snmp_version": "2c",
            "snmp_community_read": READ_COMMUNITY,
            "snmp_community_write": WRITE_COMMUNITY,
        }

    def start(self) -> None:
        """Start the agent and wait until it answers.

        Raises:
            LabError: It does not; its log says why, or it is not installed.
        """
        if _SNMPD is None:
            raise LabError("snmpd is not installed; make setup installs the package snmpd")
        words: tuple[str, ...] = (_SNMPD, "-f", "-Lo", "-C", "-c", str(self._folder / "snmpd.conf"))
        environment = {
            "MIBS": "",
            "SNMP_PERSISTENT_DIR": str(self._folder / "state"),
            "PATH": "/usr/bin:/usr/sbin:/bin:/sbin",
        }
        log_path = self._folder / "snmpd.log"
        begin = log_path.stat().st_size if log_path.exists() else 0
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self._network.command(*words) if self._network else words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
            )
        ends_at = time.monotonic() + _START_TIMEOUT_S
        while b"NET-SNMP version" not in log_path.read_bytes()[begin:]:
            if self._process.poll() is not None or time.monotonic() > ends_at:
                raise LabError(f"snmpd does not come up; see {log_path}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End the agent, as when the PDU's cable is pulled; the outlets stay as they are."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.wait()

    def close(self) -> None:
        """End everything."""
        self.stop()
        self._server.shutdown(socket.SHUT_RDWR)  # wakes who waits for connections
        self._server.close()

    def is_on(self, outlet: int) -> bool:
        """Say whether an outlet has power."""
        with self._lock:
            self._switch_what_is_due()
            return self.outlets[outlet].is_on

    def _write_settings(self, auth: str, priv: str) -> None:
        root = self.model.root
        lines = (
            f"agentaddress udp:{self.address}:{self.port}",
            f"rocommunity {READ_COMMUNITY}",
            f"rwcommunity {WRITE_COMMUNITY}",
            f"createUser {USER} {auth} {AUTH_KEY} {priv} {PRIV_KEY}",
            f"rwuser {USER} priv",
            f"sysObjectID {self.model.system_id}",
            f"pass_persist {root} {sys.executable} {_AGENT_PART} {self._path}",
        )
        (self._folder / "snmpd.conf").write_text("\n".join(lines) + "\n")

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rw", encoding="utf-8") as stream:
            try:
                for line in stream:
                    with self._lock:
                        self._switch_what_is_due()
                        answer = self._answer(json.loads(line))
                    stream.write(json.dumps(answer) + "\n")
                    stream.flush()
            except OSError:
                return  # snmpd has ended

    def _answer(self, question: Mapping[str, str]) -> list[str]:
        oid = question["oid"]
        self.asked.append(f"{question['do']} {oid} {question['value']}".strip())
        for number, outlet in self.outlets.items():
            if question["do"] == "get" and oid == self.model.state.format(number):
                return [oid, "integer", str(self._state(outlet))]
            for command, meanings in self.model.commands.items():
                if oid == command.format(number):
                    return self._command(question, outlet, meanings)
        return ["not-writable"] if question["do"] == "set" else ["NONE"]

    def _state(self, outlet: _Outlet) -> int:
        if outlet.wanted != outlet.is_on and self.model.pending:
            return self.model.pending[outlet.wanted]
        return self.model.reads[outlet.is_on]

    def _command(
        self, question: Mapping[str, str], outlet: _Outlet, meanings: Mapping[int, bool]
    ) -> list[str]:
        if question["do"] != "set":
            return [question["oid"], "integer", "-1"] if question["do"] == "get" else ["NONE"]
        kind, _, number = question["value"].partition(" ")
        if kind != "integer":
            return ["wrong-type"]
        if int(number) not in meanings:
            return ["wrong-value"]
        if not self.faults.ignores_orders:
            outlet.wanted = meanings[int(number)]
            outlet.due_at = time.monotonic() + self.faults.takes_s
            self._switch_what_is_due()
        return ["DONE"]

    def _switch_what_is_due(self) -> None:
        for outlet in self.outlets.values():
            if outlet.wanted != outlet.is_on and time.monotonic() >= outlet.due_at:
                outlet.is_on = outlet.wanted
                if outlet.is_on:
                    outlet.machine.power_on()
                else:
                    outlet.machine.power_off()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
