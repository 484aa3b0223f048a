"""Controllers are killed at random moments of mixed work, and PostgreSQL is restarted in the middle.

All nodes end where they should, and nothing is done twice that must not be. ``make test-long`` kills a hundred times.
"""

import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.integration.agent_behaviour import Behaviour
from tests.integration.agent_double import Machine
from tests.integration.campaign_site import (
    ROUND_S,
    START_S,
    Site,
    enrol,
    mac_of,
    order,
    order_power,
)
from tests.integration.machine_park import machine_park
from tests.integration.postgres_server import restartable_postgres
from tests.integration.running_controller import IMAGE
from tests.integration.waiting import wait_until

SEED = int(os.environ.get("INGOT_TEST_SEED", "0")) or random.SystemRandom().randrange(2**32)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


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
        give_up_at = time.monotonic() + 6 * ROUND_S
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
            wait_until(self._site.answers, START_S, "an answer")

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
    wait_until(site.answers, START_S, "an answer")
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
