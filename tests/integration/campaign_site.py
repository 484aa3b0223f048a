"""Controllers on one database and machines, for campaigns that kill them."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import requests

from tests.integration.agent_double import Machine
from tests.integration.machine_park import write_settings
from tests.integration.running_controller import IMAGE
from tests.lab.ports import free_port

HEADERS = {"X-OpenStack-Ironic-API-Version": "1.95"}
START_S = 60.0
ROUND_S = 120.0


class Site:
    """Controllers on one database, machines, and a client that does not mind a dead controller."""

    def __init__(self, folder: Path, park_url: str, names: Sequence[str], database: str) -> None:
        self._ports = {name: free_port() for name in names}
        self._folder, self._park_url, self._database = folder, park_url, database
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.urls = [f"http://127.0.0.1:{port}" for port in self._ports.values()]
        (folder / "kernel").touch()
        for name, port in self._ports.items():
            write_settings(
                folder / f"{name}.toml",
                state_directory=str(folder / name),
                database_url=database,
                secrets_key_file=str(folder / "secrets.key"),
                hostname=name,
                listen_port=port,
                agent_require_tls=False,
                deploy_kernel=str(folder / "kernel"),
                deploy_ramdisk=str(folder / "kernel"),
                power_poll_interval_s=0.1,
                progress_poll_interval_s=0.2,
                power_check_interval_s=2.0,
                power_sync_interval_s=5.0,
                claim_lease_s=5.0,
                default_boot_mode="bios",
            )

    def start(self, name: str) -> None:
        with (self._folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.integration.machine_park",
                    self._park_url,
                    str(self._folder / f"{name}.toml"),
                ],
                stdout=log,
                stderr=log,
            )

    def kill(self, name: str) -> None:
        self.revive()
        self._processes[name].kill()
        self._processes[name].wait(30)

    def revive(self) -> None:
        """Start again, as a service manager does, who ended because the database was down when it started."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                log = (self._folder / f"{name}.log").read_text(errors="replace")
                words = ("OperationalError", "DatabaseUnusable")
                assert any(word in log[-8000:] for word in words), self.log()
                self.start(name)

    def answers(self) -> bool:
        return self.get("/v1/nodes?limit=1") is not None

    def get(self, path: str) -> Any:
        """Ask the first controller that answers; ``None`` = none does now."""
        for url in self.urls:
            try:
                reply = requests.get(url + path, headers=HEADERS, timeout=20)
            except requests.RequestException:
                continue
            if reply.ok:
                return reply.json()
        return None

    def insist(self, method: str, path: str, body: Any, is_done: Callable[[Any], bool]) -> None:
        """Send a request until it has been taken: the answer may be lost with a controller."""
        node = "/v1/nodes/" + path.split("/")[1] if path.startswith("nodes/") else None
        give_up_at = time.monotonic() + 6 * ROUND_S
        while True:
            for url in self.urls:
                try:
                    reply = requests.request(
                        method, f"{url}/v1/{path}", json=body, headers=HEADERS, timeout=30
                    )
                except requests.RequestException:
                    continue
                if reply.ok or (reply.status_code == 409 and node is None):
                    return
                break
            if node and (now := self.get(node)) and is_done(now):
                return
            assert time.monotonic() < give_up_at, f"{method} {path} was never taken\n{self.log()}"
            time.sleep(0.1)

    def log(self) -> str:
        return "\n".join(
            f"--- {file.name}\n{file.read_text(errors='replace')[-4000:]}"
            for file in sorted(self._folder.glob("*.log"))
        )

    def close(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait(30)


def enrol(site: Site, machines: dict[str, Machine]) -> None:
    for number, name in enumerate(machines):
        body = {
            "name": name,
            "driver": "fake-hardware",
            "driver_info": {"fake_id": name},
            "boot_interface": "fake",
            "instance_info": IMAGE,
        }
        site.insist("POST", "nodes", body, lambda _node: True)
        uuid = site.get(f"/v1/nodes/{name}")["uuid"]
        port = {"node_uuid": uuid, "address": mac_of(number)}
        site.insist("POST", "ports", port, lambda _node: True)


def mac_of(number: int) -> str:
    return f"52:54:00:00:{number >> 8:02x}:{number & 255:02x}"


def order(site: Site, name: str, target: str) -> None:
    """Ask for a state; it has been taken when the node has left the state that it rested in."""
    before = site.get(f"/v1/nodes/{name}")
    resting = before["provision_state"] if before else None
    site.insist(
        "PUT",
        f"nodes/{name}/states/provision",
        {"target": target},
        lambda node: node["provision_state"] not in {resting, None},
    )


def order_power(site: Site, name: str, target: str) -> None:
    site.insist(
        "PUT",
        f"nodes/{name}/states/power",
        {"target": target},
        lambda node: node["power_state"] == target,
    )
