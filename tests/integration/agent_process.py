"""The real agent as a process on loopback, and somebody who talks to it as Ironic's conductor does."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import requests

from tests.integration.fake_controller import NODE_UUID, TOKEN, FakeController
from tests.integration.fake_machine import MAC

ROOT = Path(__file__).parents[2]
NODE = {"uuid": NODE_UUID, "properties": {}, "driver_internal_info": {}}


class Agent:
    """One agent process after another, on the same state."""

    def __init__(
        self, folder: Path, controller: FakeController, machine: str = "fake_machine"
    ) -> None:
        self.folder = folder
        self._machine = machine
        self.controller = controller
        self.log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, arguments: str = "", *, network_ready_file: Path | None = None) -> None:
        cmdline = self.folder / "cmdline"
        fixed = f"quiet ipa-api-url={self.controller.url} ipa-listen-port=0 BOOTIF=01-{MAC}"
        cmdline.write_text(f"{fixed} ipa-lookup-interval=0.1 {arguments}\n")
        program = [sys.executable, "-m", f"tests.integration.{self._machine}"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*program, str(self.folder), str(cmdline), str(network_ready_file or "")],
                cwd=ROOT,
                stderr=log,
                stdout=log,
            )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def wait_for_log(self, text: str, *, timeout_s: float = 20) -> None:
        deadline = time.monotonic() + timeout_s
        while text not in self.log.read_text():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(20)

    def wait(self) -> int:
        assert self._process is not None
        return self._process.wait(20)

    def session(self, beat: Any) -> requests.Session:
        """Return a session that trusts the certificate of a heartbeat and nothing else."""
        authority = self.folder / "authority.pem"
        authority.write_text(beat["agent_verify_ca"])
        session = requests.Session()
        session.trust_env = False
        session.verify = str(authority)
        return session


class Conductor:
    """Talks to the agent as the conductor does: over TLS, trusting the certificate of the heartbeat alone."""

    def __init__(self, agent: Agent, beat: Any) -> None:
        self.url = beat["callback_url"]
        self.session = agent.session(beat)

    def order(self, name: str, params: Any = None, *, wait: bool = False) -> requests.Response:
        query = {"wait": str(wait).lower(), "agent_token": TOKEN}
        body = json.dumps({"name": name, "params": params or {}})
        return self.session.post(f"{self.url}/v1/commands/", params=query, data=body, timeout=30)

    def step(self, phase: str, step: str, args: Any = None, *, wait: bool = False) -> Any:
        params = {
            "step": {"step": step, "interface": "deploy", "args": args},
            "node": NODE,
            "ports": [],
            f"{phase}_version": {"fake_manager": "1.0"},
        }
        return self.order(f"{phase}.execute_{phase}_step", params, wait=wait).json()

    def commands(self) -> list[dict[str, Any]]:
        query = {"agent_token": TOKEN}
        answer = self.session.get(f"{self.url}/v1/commands/", params=query, timeout=30)
        commands: list[dict[str, Any]] = answer.json()["commands"]
        return commands

    def stop(self, command_id: str) -> requests.Response:
        query = {"agent_token": TOKEN}
        url = f"{self.url}/v1/commands/{command_id}"
        return self.session.delete(url, params=query, timeout=30)
