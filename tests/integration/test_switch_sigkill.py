"""A controller that is killed while a switch is changed ends with the port in the right network."""

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.killed_process import Process, ask, enrol
from tests.integration.switch_site import (
    BLUE,
    CLEANING,
    IDLE,
    NETWORKS,
    PROVISIONING,
    FakeSwitchFiles,
    link,
)
from tests.integration.waiting import wait_until

pytestmark = pytest.mark.timeout(300)
Site = tuple[Process, FakeSwitchFiles]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    switch, process = FakeSwitchFiles(tmp_path), Process(tmp_path)
    settings = {**NETWORKS, "switch_config_file": str(switch.path)}
    with (tmp_path / "controller.toml").open("a") as file:
        file.writelines(f'{name} = "{value}"\n' for name, value in settings.items())
    try:
        process.start()
        enrol(process)
        node = [{"op": "add", "path": "/network_interface", "value": "ironic-networking"}]
        process.api("PATCH", "nodes/m1", node)
        where = [{"op": "add", "path": "/local_link_connection", "value": link("m1")}]
        (port,) = process.api("GET", "ports")["ports"]
        process.api("PATCH", f"ports/{port['uuid']}", where)
        process.api("POST", "nodes/m1/vifs", {"id": "blue"})
        ask(process, "manage")
        wait_until(lambda: process.stage() == (None, "manageable"), 30, "manageable")
        switch.order(delay_s=0.3)
        yield process, switch
    finally:
        process.close()


def kill_at_switches(site: Site, goal: str) -> list[str]:
    """Kill the controller in the middle of each change at the switch, until the goal is reached."""
    process, killed = site[0], list[str]()
    give_up_at = time.monotonic() + 120
    while (found := process.stage()) != (None, goal):
        stage, state = found
        assert not state.endswith("failed"), process.log()[-3000:]
        assert time.monotonic() < give_up_at, f"stuck at {stage}, {state}\n{process.log()[-3000:]}"
        if stage and "connect" in stage and stage not in killed:
            time.sleep(random.uniform(0.0, 0.5))
            process.kill()
            killed.append(stage)
            process.start()
        time.sleep(0.003)
    return killed


@pytest.mark.long
def test_killed_in_the_middle_of_each_change_it_ends_in_the_right_network(site: Site) -> None:
    process, switch = site
    ask(process, "provide")
    assert kill_at_switches(site, "available") == ["clean.connect", "clean.disconnect"]
    assert switch.ports() == {"m1": IDLE}
    ask(process, "active")
    killed = kill_at_switches(site, "active")
    assert {"deploy.connect", "deploy.connect_instance"} <= set(killed)
    assert switch.ports() == {"m1": BLUE}
    wanted = {line.partition(" ")[2] for line in switch.changes()}
    assert wanted == {CLEANING, IDLE, PROVISIONING, BLUE}
    boots = [line for line in process.machine_lines if not line.startswith("order ")]
    assert boots == ["ready", "on pxe", "off", "on pxe", "off", "on disk"]
    assert "internal error" not in process.log()


def test_killed_while_a_vif_is_attached_the_port_is_where_the_database_says(site: Site) -> None:
    process, switch = site
    process.edit("UPDATE nodes SET provision_state = 'active'")
    process.api("DELETE", "nodes/m1/vifs/blue")
    assert switch.ports() == {"m1": IDLE}
    switch.order(answer_after_s=10.0)  # it has changed by then, and nothing is stored
    with pytest.raises(Exception, match="Connection"):
        _attach_and_kill(process, switch)
    switch.order()
    process.start()
    wait_until(lambda: process.stage() == (None, "active"), 60, "the ports are put right")
    attached = process.api("GET", "nodes/m1/vifs")["vifs"]
    assert switch.ports() == {"m1": BLUE if attached else IDLE}


def _attach_and_kill(process: Process, switch: FakeSwitchFiles) -> None:
    """Kill the controller when the switch has been changed, before that is stored."""

    def kill() -> None:
        wait_until(lambda: switch.ports().get("m1") == BLUE, 30, "the switch's change")
        process.kill()

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        process.api("POST", "nodes/m1/vifs", {"id": "blue"})
    finally:
        thread.join(60)
