"""Commands of the real agent's process: their ends, stops, failures, and the tail of a deployment."""

import time
from typing import Any

from tests.integration.agent_process import Agent, Conductor
from tests.integration.agent_process_site import agent, controller, wait_until
from tests.integration.fake_controller import NODE_UUID, TOKEN, FakeController
from tests.integration.fake_machine import MAC
from tests.integration.processes import is_running

__all__ = ["agent", "controller"]


def test_the_controller_hears_of_the_end_of_a_command_at_once(
    agent: Agent, controller: FakeController
) -> None:
    agent.start()
    conductor = Conductor(agent, controller.heartbeat().body)
    assert conductor.step("deploy", "linger", {"why": "test"})["command_status"] == "RUNNING"
    wait_until(lambda: conductor.commands()[0]["progress"] is not None)
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
