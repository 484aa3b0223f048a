"""``ingot-controller serve`` and a machine beside it as processes that a test kills."""

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.integration.running_controller import IMAGE
from tests.integration.waiting import wait_until
from tests.lab.ports import free_port

MAC = "52:54:00:00:00:01"
HEADERS = {"X-OpenStack-Ironic-API-Version": "1.72"}
START_S = 60.0
MOST_KILLS = 40
HELD = 4_000_000_000
"""A moment at which a stage is due that nobody waits for."""


class Process:
    """``ingot-controller serve`` and a machine beside it, in processes of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.ipmi_port = free_port(), free_port(socket.SOCK_DGRAM)
        self.url = f"http://127.0.0.1:{self.port}"
        self.machine_lines: list[str] = []
        self._controller: subprocess.Popen[bytes] | None = None
        for name in ("kernel", "ramdisk"):
            (folder / name).write_bytes(b"boot file")
        settings = {
            "state_directory": str(folder),
            "listen_port": self.port,
            "deploy_kernel": str(folder / "kernel"),
            "deploy_ramdisk": str(folder / "ramdisk"),
            "agent_require_tls": False,
            "power_poll_interval_s": 0.1,
            "progress_poll_interval_s": 0.2,
            "power_check_interval_s": 5.0,
            "bmc_timeout_s": 10.0,
            "threads": 8,
        }
        lines = [f"{name} = {json.dumps(value)}\n" for name, value in settings.items()]
        (folder / "controller.toml").write_text("".join(lines))
        arguments = [str(self.ipmi_port), "admin", "pw", self.url, MAC]
        self._machine = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.machine_process", *arguments],
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read_machine, daemon=True)
        self._reader.start()
        wait_until(lambda: "ready" in self.machine_lines, 30, "the machine's BMC")

    def start(self) -> None:
        script = Path(sys.executable).with_name("ingot-controller")
        with (self.folder / "controller.log").open("ab") as log:
            self._controller = subprocess.Popen(
                [script, "serve", "--config", self.folder / "controller.toml"],
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._answers, START_S, "the controller's start")

    def kill(self) -> None:
        assert self._controller
        assert self._controller.poll() is None
        self._controller.send_signal(signal.SIGKILL)
        self._controller.wait(10)

    def stop(self) -> None:
        """End the controller as an operator does."""
        assert self._controller
        self._controller.send_signal(signal.SIGTERM)
        assert self._controller.wait(60) == 0

    def close(self) -> None:
        for process in (self._controller, self._machine):
            if process and process.poll() is None:
                process.kill()
                process.wait(10)
        self._reader.join(10)

    def api(self, method: str, path: str, body: Any = None) -> Any:
        reply = requests.request(
            method, f"{self.url}/v1/{path}", json=body, headers=HEADERS, timeout=30
        )
        assert reply.ok, reply.text
        return reply.json() if reply.content else None

    def stage(self) -> tuple[str | None, str]:
        database = f"file:{self.folder}/ingot.sqlite?mode=ro"
        connection = sqlite3.connect(database, uri=True, timeout=5)
        try:
            row = connection.execute(
                "SELECT stage, provision_state FROM nodes LEFT JOIN work "
                "ON subject_id = nodes.id AND lane = 'workflow'"
            ).fetchone()
        finally:
            connection.close()
        return row[0], row[1]

    def edit(self, *statements: str) -> None:
        connection = sqlite3.connect(self.folder / "ingot.sqlite", timeout=30)
        try:
            with connection:
                for statement in statements:
                    connection.execute(statement)
        finally:
            connection.close()

    def log(self) -> str:
        return (self.folder / "controller.log").read_text()

    def _answers(self) -> bool:
        assert self._controller
        assert self._controller.poll() is None, self.log()[-2000:]
        try:
            return requests.get(self.url, timeout=5).ok
        except requests.RequestException:
            return False

    def _read_machine(self) -> None:
        assert self._machine.stdout
        with self._machine.stdout as lines:
            for line in lines:
                self.machine_lines.append(line.strip())


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    running = Process(tmp_path)
    try:
        running.start()
        yield running
    finally:
        running.close()


def enrol(process: Process, **own: Any) -> None:
    driver_info = {
        **own,
        "ipmi_address": "127.0.0.1",
        "ipmi_port": process.ipmi_port,
        "ipmi_username": "admin",
        "ipmi_password": "pw",
    }
    properties = {"capabilities": "boot_mode:uefi"}
    body = {"name": "m1", "driver": "ipmi", "driver_info": driver_info, "properties": properties}
    node = process.api("POST", "nodes", {**body, "instance_info": IMAGE})
    process.api("POST", "ports", {"node_uuid": node["uuid"], "address": MAC})


def ask(process: Process, target: str) -> None:
    process.api("PUT", "nodes/m1/states/provision", {"target": target})
