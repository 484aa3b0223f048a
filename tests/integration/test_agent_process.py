"""The real agent's process on loopback, against a small real controller; the hardware is a file."""

import socket

import pytest
import requests

from tests.integration.agent_process import Agent, Conductor
from tests.integration.agent_process_site import agent, controller, wait_until
from tests.integration.fake_controller import NODE_UUID, TOKEN, FakeController
from tests.integration.fake_machine import MAC

__all__ = ["agent", "controller"]


def test_the_agent_looks_itself_up_and_says_how_to_call_it(
    agent: Agent, controller: FakeController
) -> None:
    agent.start("ipa-global-request-id=req-7f06 ipa-frobnicate=1")
    beat = controller.heartbeat()
    lookup = controller.wait_for("GET", "/v1/lookup")
    assert lookup.query == {"addresses": [MAC]}
    assert lookup.headers["X-OpenStack-Ironic-API-Version"] == "1.62"
    assert lookup.headers["X-OpenStack-Request-ID"] == "req-7f06"
    assert beat.path == f"/v1/heartbeat/{NODE_UUID}"
    assert beat.headers["X-OpenStack-Ironic-API-Version"] == "1.68"
    assert set(beat.body) == {"callback_url", "agent_token", "agent_version", "agent_verify_ca"}
    assert beat.body["callback_url"].startswith("https://127.0.0.1:")
    assert beat.body["agent_token"] == TOKEN
    assert Conductor(agent, beat.body).commands() == []
    assert agent.stop() == 0
    assert "ingot-agent: serving after " in agent.log.read_text()


def test_an_agent_that_is_started_early_waits_for_the_network(
    agent: Agent, controller: FakeController
) -> None:
    ready = agent.folder / "online"
    agent.start(network_ready_file=ready)
    agent.wait_for_log("waiting for the network")
    assert controller.seen == []
    ready.touch()
    controller.heartbeat()


def test_an_older_controller_is_spoken_to_in_its_own_version(
    agent: Agent, controller: FakeController
) -> None:
    controller.version = "1.65"
    agent.start()
    beat = controller.heartbeat()
    assert beat.headers["X-OpenStack-Ironic-API-Version"] == "1.65"


def test_a_proxy_before_a_controller_that_restarts_is_not_taken_for_an_old_controller(
    agent: Agent, controller: FakeController
) -> None:
    controller.version_refusals.append((502, "restarting"))
    agent.start()
    beat = controller.heartbeat()
    lookup = controller.wait_for("GET", "/v1/lookup")
    assert lookup.headers["X-OpenStack-Ironic-API-Version"] == "1.62"
    assert beat.body["agent_token"] == TOKEN
    assert "version: the controller answered 502 Bad Gateway: restarting" in agent.log.read_text()


def test_a_version_that_was_only_assumed_is_asked_for_again(
    agent: Agent, controller: FakeController
) -> None:
    controller.version_refusals.append((404, "not here yet"))
    agent.start()
    beat = controller.heartbeat()
    lookup = controller.wait_for("GET", "/v1/lookup")
    assert lookup.headers["X-OpenStack-Ironic-API-Version"] == "1.31"
    assert beat.headers["X-OpenStack-Ironic-API-Version"] == "1.68"


def test_lookup_goes_on_until_the_controller_knows_the_machine(
    agent: Agent, controller: FakeController
) -> None:
    controller.lookup_refusals.extend([(404, "no such node"), (404, "no such node")])
    agent.start()
    controller.heartbeat()
    controller.wait_for("GET", "/v1/lookup", count=3)
    log = agent.log.read_text()
    assert "lookup: the controller answered 404 Not Found: no such node" in log


def test_a_locked_node_is_asked_for_again(agent: Agent, controller: FakeController) -> None:
    controller.lookup_refusals.append((409, "Node is locked by host rig"))
    agent.start()
    controller.heartbeat()
    assert "409 Conflict: Node is locked by host rig" in agent.log.read_text()


def test_an_unknown_machine_gives_up_and_says_why(agent: Agent, controller: FakeController) -> None:
    controller.lookup_refusals.extend([(404, "no such node")] * 100)
    agent.start("ipa-lookup-timeout=1")
    assert agent.wait() == 1
    assert f"lookup of {MAC}: no success in 1 s" in agent.log.read_text()
    assert "check that a node with one of these ports exists" in agent.log.read_text()


def test_a_token_that_went_to_somebody_else_locks_out_and_is_said_clearly(
    agent: Agent, controller: FakeController
) -> None:
    controller.token = "******"
    agent.start()
    controller.wait_for("GET", "/v1/lookup")
    agent.wait_for_log("locked out:")
    assert agent.stop() != 0


def test_a_heartbeat_that_is_refused_is_tried_again(
    agent: Agent, controller: FakeController
) -> None:
    controller.heartbeat_refusals.append((409, "Node is locked"))
    agent.start()
    controller.heartbeat(count=2)
    assert (
        "heartbeat: the controller answered 409 Conflict: Node is locked" in agent.log.read_text()
    )


def test_an_agent_that_is_locked_down_answers_first_and_then_nobody(
    agent: Agent, controller: FakeController
) -> None:
    agent.start()
    conductor = Conductor(agent, controller.heartbeat().body)
    locked = conductor.order("system.lockdown", wait=True).json()
    assert (locked["command_status"], locked["command_result"]) == ("SUCCEEDED", None)
    wait_until((agent.folder / "isolated").exists)
    assert (agent.folder / "isolated").read_text() == "eth0"
    with pytest.raises(requests.ConnectionError):
        conductor.commands()
    assert agent.stop() == 0


def test_logs_and_inventory_are_handed_out_without_the_token(
    agent: Agent, controller: FakeController
) -> None:
    agent.start(f"ipa-debug=1 ipa-agent-token={TOKEN}")
    conductor = Conductor(agent, controller.heartbeat().body)
    logs = conductor.order("log.collect_system_logs", wait=True).json()
    assert len(logs["command_result"]["system_logs"]) > 1000
    inventory = conductor.order("poll.get_hardware_info", wait=True).json()["command_result"]
    assert inventory["interfaces"][0]["mac_address"] == MAC
    assert inventory["disks"][0]["serial"] == "FAKE1"
    requests_logged = agent.log.read_text()
    assert "POST /v1/commands/" in requests_logged
    assert TOKEN not in requests_logged


def test_inspection_is_posted_first_and_its_answer_is_used_for_the_lookup(
    agent: Agent, controller: FakeController
) -> None:
    agent.start(f"ipa-inspection-callback-url={controller.url}/v1/continue_inspection")
    controller.heartbeat()
    posted = controller.wait_for("POST", "/v1/continue_inspection").body
    assert set(posted) == {
        "inventory",
        "root_disk",
        "root_disk_reasons",
        "boot_interface",
        "configuration",
        "logs",
        "error",
        "warnings",
    }
    assert posted["error"] is None
    assert posted["boot_interface"] == MAC
    assert posted["root_disk"]["serial"] == "FAKE1"
    assert posted["configuration"]["managers"] == [{"name": "fake_manager", "version": "1.0"}]
    assert controller.wait_for("GET", "/v1/lookup").query["node_uuid"] == [NODE_UUID]


def test_only_the_owner_can_read_what_is_kept(agent: Agent, controller: FakeController) -> None:
    agent.start()
    Conductor(agent, controller.heartbeat().body).order("standby.sync", wait=True)
    kept = [p for p in (agent.folder / "state").rglob("*") if p.is_file()]
    assert {p.suffix for p in kept} == {"", ".key", ".crt", ".json"}
    assert [oct(p.stat().st_mode & 0o777) for p in kept] == ["0o600"] * len(kept)


def test_a_second_address_of_the_controller_is_tried(
    agent: Agent, controller: FakeController
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        agent.start(f"ipa-api-url={dead},{controller.url}")
        controller.heartbeat()
    assert f"controller found url={controller.url}" in agent.log.read_text()
