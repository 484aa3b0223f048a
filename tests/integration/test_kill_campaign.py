"""Controllers are killed at random moments of mixed work, and PostgreSQL is restarted in the middle.

All nodes end where they should, and nothing is done twice that must not be. ``make test-long`` kills a hundred times.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.integration.agent_behaviour import Behaviour
from tests.integration.agent_double import Machine
from tests.integration.machine_park import machine_park, write_settings
from tests.integration.postgres_server import restartable_postgres
from tests.integration.running_controller import IMAGE
from tests.integration.test_workflow_sigkill import _free_port
from tests.integration.waiting import wait_until

HEADERS = {"X-OpenStack-Ironic-API-Version": "1.95"}
_START_S = 60.0
_ROUND_S = 120.0
SEED = int(os.environ.get("INGOT_TEST_SEED", "0")) or random.SystemRandom().randrange(2**32)


class Site:
    """Controllers on one database, machines, and a client that does not mind a dead controller."""

    def __init__(self, folder: Path, park_url: str, names: Sequence[str], database: str) -> None:
        self._ports = {name: _free_port() for name in names}
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
                assert "OperationalError" in log[-8000:], self.log()
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
        give_up_at = time.monotonic() + 6 * _ROUND_S
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


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


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


class Campaign:
    """Kills somebody at random moments until all nodes are where they should be."""

    def __init__(
        self, site: Site, names: Sequence[str], restart: Callable[[], None] | None
    ) -> None:
        self.kills = 0
        self._site, self._names, self._restart = site, names, restart
        self._random = random.Random(SEED)

    def until(self, wanted: dict[str, str], powers: dict[str, str], most: int) -> None:
        """Kill at most so often in this round."""
        give_up_at = time.monotonic() + 6 * _ROUND_S
        while not self._are(wanted, powers):
            assert time.monotonic() < give_up_at, (
                f"seed {SEED}: {self._where()}\n{self._site.log()}"
            )
            time.sleep(self._random.uniform(0.0, 1.5))
            self._site.revive()
            if self.kills >= most:
                continue
            self.kills += 1
            if self._restart and self.kills % 3 == 2:
                self._restart()
                continue
            victim = self._random.choice(self._names)
            self._site.kill(victim)
            self._site.start(victim)
            wait_until(self._site.answers, _START_S, "an answer")

    def _are(self, wanted: dict[str, str], powers: dict[str, str]) -> bool:
        nodes = self._where()
        assert not [name for name, (state, *_) in nodes.items() if "fail" in state], (
            f"seed {SEED}: {nodes}\n{self._site.log()}"
        )
        return bool(nodes) and all(
            nodes[name][2] is None
            and nodes[name][0] == wanted[name]
            and powers.get(name, nodes[name][1]) == nodes[name][1]
            for name in wanted
        )

    def _where(self) -> dict[str, tuple[str, str | None, str | None]]:
        fields = "name,provision_state,power_state,stage,last_error"
        answer = self._site.get(f"/v1/nodes?limit=1000&fields={fields}")
        return {
            node["name"]: (node["provision_state"], node["power_state"], node["stage"])
            for node in (answer or {"nodes": []})["nodes"]
        }


def run(
    site: Site,
    machines: dict[str, Machine],
    names: Sequence[str],
    kills: int,
    restart: Callable[[], None] | None = None,
) -> None:
    for name in names:
        site.start(name)
    wait_until(site.answers, _START_S, "an answer")
    campaign = Campaign(site, names, restart)
    enrol(site, machines)
    deployed = [name for number, name in enumerate(machines) if number % 3]
    share = max(1, kills // 8)
    for name in machines:
        order(site, name, "manage")
    campaign.until(dict.fromkeys(machines, "manageable"), {}, share)
    for name in deployed:
        order(site, name, "provide")
    goal = dict.fromkeys(machines, "manageable") | dict.fromkeys(deployed, "available")
    campaign.until(goal, {}, campaign.kills + share)
    work = Work(site, machines, deployed, campaign, goal, share)
    work.deploy(is_on=True)
    rounds = 1
    while campaign.kills < kills:
        work.tear_down()
        rounds += 1
        work.deploy(is_on=rounds % 2 == 1)
    assert "internal error" not in site.log(), site.log()


@dataclass
class Work:
    """What is done again and again: two thirds of the nodes are deployed, the others switched on and off."""

    site: Site
    machines: dict[str, Machine]
    deployed: Sequence[str]
    campaign: Campaign
    resting: dict[str, str]
    share: int
    powers: dict[str, str] = field(default_factory=dict)

    def deploy(self, *, is_on: bool) -> None:
        for name in self.deployed:
            self.machines[name].orders.clear()
            self.machines[name].boots.clear()
            order(self.site, name, "active")
        state = "power on" if is_on else "power off"
        self.powers = {name: state for name in self.machines if name not in self.deployed}
        for name in self.powers:
            order_power(self.site, name, state)
        goal = self.resting | dict.fromkeys(self.deployed, "active")
        self.campaign.until(goal, self.powers, self.campaign.kills + 4 * self.share)
        for name in self.deployed:
            machine = self.machines[name]
            assert len(machine.ordered("write_image")) == 1, f"seed {SEED}: {name}"
            assert machine.boots == ["pxe", "off", "disk"], f"seed {SEED}: {name}"

    def tear_down(self) -> None:
        for name in self.deployed:
            self.machines[name].orders.clear()
            order(self.site, name, "deleted")
        self.campaign.until(self.resting, self.powers, self.campaign.kills + self.share)
        for name in self.deployed:
            erasures = self.machines[name].ordered("erase_devices_metadata")
            assert len(erasures) == 1, f"seed {SEED}: {name}"
            patch = [{"op": "add", "path": "/instance_info", "value": IMAGE}]
            self.site.insist("PATCH", f"nodes/{name}", patch, has_image)


def has_image(node: Any) -> bool:
    return bool(node["instance_info"] == IMAGE)


def machines_for(url: str, count: int) -> dict[str, Machine]:
    quick = ("get_deploy_steps", "get_clean_steps", "get_partition_uuids", "sync")
    behaviour = Behaviour(seconds=dict.fromkeys(quick, 0.0) | {"write_image": 0.5})
    return {f"m{n}": Machine(url, mac_of(n), behaviour) for n in range(count)}


def campaign_on_sqlite(stack: ExitStack, folder: Path, *, nodes: int, kills: int) -> None:
    machines: dict[str, Machine] = {}
    park_url = stack.enter_context(machine_park(machines))
    site = Site(folder, park_url, ["a"], "")
    stack.callback(site.close)
    machines.update(machines_for(site.urls[0], nodes))
    run(site, machines, ["a"], kills)


def campaign_on_postgres(stack: ExitStack, folder: Path, *, nodes: int, kills: int) -> None:
    server = stack.enter_context(restartable_postgres())
    machines: dict[str, Machine] = {}
    park_url = stack.enter_context(machine_park(machines))
    site = Site(folder, park_url, ["a", "b", "c"], server.url)
    stack.callback(site.close)
    machines.update(machines_for(site.urls[0], nodes))
    run(site, machines, ["a", "b", "c"], kills, server.restart)


@pytest.mark.timeout(900)
def test_killed_a_few_times_on_sqlite(stack: ExitStack, tmp_path: Path) -> None:
    campaign_on_sqlite(stack, tmp_path, nodes=6, kills=4)


@pytest.mark.postgres
@pytest.mark.timeout(900)
def test_one_of_three_and_the_database_killed_a_few_times(stack: ExitStack, tmp_path: Path) -> None:
    campaign_on_postgres(stack, tmp_path, nodes=6, kills=4)


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_killed_a_hundred_times_on_sqlite(stack: ExitStack, tmp_path: Path) -> None:
    campaign_on_sqlite(stack, tmp_path, nodes=50, kills=100)


@pytest.mark.long
@pytest.mark.postgres
@pytest.mark.timeout(7200)
def test_one_of_three_and_the_database_killed_a_hundred_times(
    stack: ExitStack, tmp_path: Path
) -> None:
    campaign_on_postgres(stack, tmp_path, nodes=50, kills=100)
