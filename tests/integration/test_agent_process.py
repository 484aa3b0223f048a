"""The real agent's process on loopback, against a small real controller; the hardware is a file."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.integration.agent_process import Agent, Conductor
from tests.integration.fake_controller import NODE_UUID, TOKEN, FakeController, fake_controller
from tests.integration.fake_machine import MAC
from tests.integration.processes import is_running


@pytest.fixture
def controller() -> Iterator[FakeController]:
    with fake_controller() as served:
        yield served


@pytest.fixture
def agent(tmp_path: Path, controller: FakeController) -> Iterator[Agent]:
    made = Agent(tmp_path, controller)
    yield made
    if made._process is not None and made._process.poll() is None:
        made.kill()


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


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


def test_the_controller_hears_of_the_end_of_a_command_at_once(
    agent: Agent, controller: FakeController
) -> None:
    agent.start()
    conductor = Conductor(agent, controller.heartbeat().body)
    assert conductor.step("deploy", "linger", {"why": "test"})["command_status"] == "RUNNING"
    (running,) = conductor.commands()
    assert running["progress"]["phase"] == "waiting"
    busy = conductor.order("standby.get_partition_uuids")
    assert busy.status_code == 409
    assert busy.json()["faultstring"] == "Agent is busy: executing command execute_deploy_step"
    (agent.folder / "finish-step").touch()
    controller.heartbeat(count=2)  # the next regular one would come after 90 s at the earliest
    (ended,) = conductor.commands()
    assert ended["command_status"] == "SUCCEEDED"
    assert ended["command_result"]["deploy_result"] == "waited"


def test_a_running_step_is_stopped_with_its_programs_and_the_controller_hears_at_once(
    agent: Agent, controller: FakeController
) -> None:
    agent.start()
    conductor = Conductor(agent, controller.heartbeat().body)
    running = conductor.step("clean", "patient")
    child = agent.folder / "child-pid"
    wait_until(child.exists)
    (shown,) = conductor.commands()
    assert (shown["command_status"], shown["stoppable"]) == ("RUNNING", True)
    asked = conductor.stop(running["id"])
    assert (asked.status_code, asked.json()["id"]) == (202, running["id"])
    controller.heartbeat(count=2)
    (ended,) = conductor.commands()
    assert ended["command_status"] == "FAILED"
    assert ended["command_error"]["type"] == "CommandStopped"
    assert ended["command_error"]["details"] == "sh was stopped, as ordered"
    assert "stoppable" not in ended
    assert not is_running(int(child.read_text()))
    late = conductor.stop(running["id"])
    assert late.status_code == 409
    assert "execute_clean_step: it has ended already (FAILED)" in late.json()["faultstring"]


def test_what_must_not_be_stopped_answers_why_and_goes_on(
    agent: Agent, controller: FakeController
) -> None:
    agent.start()
    conductor = Conductor(agent, controller.heartbeat().body)
    running = conductor.step("clean", "grow_deaf")
    wait_until((agent.folder / "deaf").exists)
    refused = conductor.stop(running["id"])
    assert refused.status_code == 409
    assert "half of it would not start" in refused.json()["faultstring"]
    assert conductor.commands()[0]["stoppable"] is False
    (agent.folder / "finish-step").touch()
    controller.heartbeat(count=2)
    assert conductor.commands()[0]["command_result"]["clean_result"] == "whole"
    waiting = conductor.step("clean", "linger", {"why": "test"})
    assert waiting["command_status"] == "RUNNING"
    assert conductor.stop("no-such-command").status_code == 404
    conductor.session.params = {}
    url = f"{conductor.url}/v1/commands/{waiting['id']}"
    assert conductor.session.delete(url, timeout=30).status_code == 401


def test_a_failed_step_says_what_and_why_and_the_next_one_is_executed(
    agent: Agent, controller: FakeController
) -> None:
    agent.start()
    conductor = Conductor(agent, controller.heartbeat().body)
    failed = conductor.step("clean", "fail", wait=True)
    assert failed["command_status"] == "FAILED"
    assert failed["command_error"] == {
        "type": "EraseError",
        "code": 500,
        "message": "execute_clean_step failed",
        "details": "/dev/fake: the drive answered no; replace it",
    }
    assert "unexpected ValueError: boom" in str(conductor.step("clean", "explode", wait=True))
    done = conductor.step("clean", "erase_devices_metadata", wait=True)
    assert done["command_status"] == "SUCCEEDED"


def write_image(conductor: Conductor) -> Any:
    image = {"id": "u", "urls": ["http://192.0.2.1/u"], "os_hash_algo": "sha256"}
    return conductor.step("deploy", "write_image", {"image_info": image | {"os_hash_value": "1"}})


def test_an_agent_that_is_killed_in_the_middle_of_a_write_comes_back_and_says_so(
    agent: Agent, controller: FakeController
) -> None:
    agent.start()
    first = controller.heartbeat().body
    conductor = Conductor(agent, first)
    conductor.step("deploy", "erase_devices_metadata", wait=True)
    killed = write_image(conductor)
    agent.kill()
    controller.token = "******"  # as a controller answers the second lookup of a boot
    before = len(controller.seen)
    agent.start()
    deadline = time.monotonic() + 20
    while not any("heartbeat" in s.path for s in controller.seen[before:]):
        assert time.monotonic() < deadline, agent.log.read_text()
        time.sleep(0.02)
    second = controller.seen[-1].body
    lookups = [seen.query for seen in controller.seen if seen.path == "/v1/lookup"]
    assert lookups[0] == {"addresses": [MAC]}
    assert lookups[-1]["node_uuid"] == [NODE_UUID], "taken for a boot that has forgotten its steps"
    assert second["agent_token"] == TOKEN
    assert second["agent_verify_ca"] == first["agent_verify_ca"]
    erased, interrupted = Conductor(agent, second).commands()
    assert erased["command_status"] == "SUCCEEDED"
    assert interrupted["id"] == killed["id"]
    assert interrupted["command_status"] == "FAILED"
    assert "the agent was restarted in the middle of it" in interrupted["command_error"]["details"]
    (agent.folder / "finish-write").touch()
    assert write_image(Conductor(agent, second))["command_status"] == "RUNNING"


def test_the_tail_of_a_deployment(agent: Agent, controller: FakeController) -> None:
    (agent.folder / "finish-write").touch()
    agent.start()
    conductor = Conductor(agent, controller.heartbeat().body)
    write_image(conductor)
    controller.heartbeat(count=2)
    uuids = conductor.order("standby.get_partition_uuids", wait=True).json()
    assert uuids["command_result"] == {"root uuid": "0x12345678"}
    boot = {"root_uuid": "0x12345678", "efi_system_part_uuid": None, "target_boot_mode": "uefi"}
    installed = conductor.order("image.install_bootloader", boot, wait=True).json()
    assert installed["command_status"] == "SUCCEEDED"
    assert (agent.folder / "boot-entry").read_text().endswith("uefi")
    assert conductor.order("standby.power_off", wait=True).json()["command_status"] == "RUNNING"
    controller.heartbeat(count=4)
    assert (agent.folder / "power").read_text() == "off"


def test_a_kexec_that_is_not_possible_says_why_and_leaves_the_agent_at_work(
    agent: Agent, controller: FakeController
) -> None:
    agent.start()
    conductor = Conductor(agent, controller.heartbeat().body)
    for name, count in (("prepare_kexec", 2), ("start_kexec", 3)):
        assert conductor.order(f"standby.{name}").json()["command_name"] == name
        controller.heartbeat(count=count)  # it tells at once that a command has ended
    prepared, started = conductor.commands()
    assert {one["command_status"] for one in (prepared, started)} == {"FAILED"}
    assert {one["command_error"]["type"] for one in (prepared, started)} == {"KexecNotPossible"}
    assert prepared["command_error"]["details"] == "no image was written in this boot"
    assert "no kernel was loaded" in started["command_error"]["details"]
    assert not (agent.folder / "power").exists()


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
