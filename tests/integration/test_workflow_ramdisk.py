from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from agent.protocol.lookup import Heartbeat
from controller.errors import Invalid, NotFound
from controller.workflow import heartbeats, ramdisk
from tests.integration.running_controller import RunningController, running_controller
from tests.integration.waiting import wait_until

MAC = "52:54:00:00:00:01"
AGENT, STRANGER = "10.0.0.9", "10.0.0.66"


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    with running_controller(tmp_path) as running:
        yield running


@pytest.fixture
def waiting(controller: RunningController) -> RunningController:
    """A controller that waits for the agent of m1."""
    bmc = controller.enrol("m1", "manageable")
    bmc.machine.behaviour.calls_back = False
    controller.ask("m1", "provide")
    wait_until(lambda: controller.node("m1").provision_state == "clean wait", 5, "the wait")
    return controller


def look_up(controller: RunningController, mac: str, **arguments: Any) -> Any:
    values: dict[str, Any] = {"node_uuid": None, "sender": AGENT, "give_token": True, **arguments}
    return ramdisk.lookup(controller.services, [mac], **values)


def beat(token: str | None, url: str = "http://10.0.0.9:9999", **changes: Any) -> Heartbeat:
    return Heartbeat(callback_url=url, agent_token=token, agent_version="13.0.0", **changes)


def refused(controller: RunningController, ident: str, heartbeat: Heartbeat) -> str:
    before = controller.node("m1").driver_internal_info
    with pytest.raises(Invalid) as caught:
        heartbeats.heartbeat(controller.services, ident, heartbeat, AGENT)
    assert controller.node("m1").driver_internal_info == before
    return str(caught.value)


def test_agents_are_told_what_the_operator_allows(waiting: RunningController) -> None:
    settings = replace(waiting.settings, allow_md5_images=True, enable_bios_bootloader_install=True)
    services = replace(waiting.services, settings=settings)
    found = ramdisk.lookup(services, [MAC], None, AGENT, give_token=True)
    assert found.config.agent_md5_checksum_enable is True
    assert found.config.enable_bios_bootloader_install is True


def test_the_token_is_given_once_a_boot(waiting: RunningController) -> None:
    first = look_up(waiting, MAC)
    assert len(first.config.agent_token) >= 32
    assert first.config.heartbeat_timeout == 300
    assert first.config.agent_md5_checksum_enable is False
    assert first.config.enable_bios_bootloader_install is False
    assert first.node.uuid == waiting.node("m1").uuid
    assert look_up(waiting, MAC, sender=STRANGER).config.agent_token == "******"
    assert look_up(waiting, MAC, give_token=False).config.agent_token is None
    assert first.config.agent_token not in str(first.node)


def test_an_unknown_machine_is_refused(waiting: RunningController) -> None:
    with pytest.raises(NotFound, match=r"^Not Found$"):
        look_up(waiting, "52:54:00:99:99:99")


def test_a_node_in_the_wrong_state_is_refused_with_the_same_words_and_an_event(
    controller: RunningController,
) -> None:
    controller.enrol("m1", "available")
    for _attempt in range(3):
        with pytest.raises(NotFound, match=r"^Not Found$"):
            look_up(controller, MAC)
    assert controller.node("m1").agent_secret is None
    (event,) = controller.events("m1", "agent")
    assert "lookup refused in state available" in event.message


def test_a_wrong_token_is_refused_and_changes_nothing(waiting: RunningController) -> None:
    look_up(waiting, MAC)
    assert refused(waiting, "m1", beat("wrong")) == "Invalid or missing agent token received."
    assert refused(waiting, "m1", beat(None)) == "agent_token is required for heartbeats"
    assert waiting.node("m1").provision_state == "clean wait"
    texts = [event.message for event in waiting.events("m1", "agent")]
    assert "heartbeat refused: Invalid or missing agent token received." in texts


def test_a_heartbeat_before_any_lookup_is_refused(waiting: RunningController) -> None:
    assert refused(waiting, "m1", beat("")) == "agent_token is required for heartbeats"
    assert refused(waiting, "m1", beat("x")) == "Invalid or missing agent token received."


def test_another_url_than_before_is_refused(waiting: RunningController) -> None:
    token = look_up(waiting, MAC).config.agent_token
    heartbeats.heartbeat(waiting.services, "m1", beat(token), AGENT)
    assert "not the one" in refused(waiting, "m1", beat(token, f"http://{AGENT}:9998"))


def test_malformed_heartbeats_are_refused(waiting: RunningController) -> None:
    token = look_up(waiting, MAC).config.agent_token
    assert "no http(s) URL" in refused(waiting, "m1", beat(token, "ftp://10.0.0.9"))
    assert "no PEM" in refused(waiting, "m1", beat(token, agent_verify_ca="garbage"))
    assert "none of" in refused(waiting, "m1", beat(token, agent_status="odd"))


def test_many_different_refused_heartbeats_leave_one_event_for_each_reason(
    waiting: RunningController,
) -> None:
    token = look_up(waiting, MAC).config.agent_token
    heartbeats.heartbeat(waiting.services, "m1", beat(token), AGENT)
    for number in range(5):
        refused(waiting, "m1", beat("x", f"ftp://stranger{number}"))
        refused(waiting, "m1", beat("x", f"http://stranger{number}:9999"))
        refused(waiting, "m1", beat("x"))
        refused(waiting, "m1", beat("x", agent_status=f"stranger{number}"))
    texts = [event.message for event in waiting.events("m1", "agent")]
    assert sorted(text[:60] for text in texts if "refused" in text) == [
        "heartbeat refused: Invalid or missing agent token received.",
        "heartbeat refused: agent_status is none of start, end, error",
        "heartbeat refused: callback_url is at another address than t",
        "heartbeat refused: callback_url is no http(s) URL",
    ]


def test_tls_is_demanded_unless_the_settings_say_otherwise(tmp_path: Path) -> None:
    with running_controller(tmp_path, agent_require_tls=True) as controller:
        bmc = controller.enrol("m1", "manageable")
        bmc.machine.behaviour.calls_back = False
        controller.ask("m1", "provide")
        wait_until(lambda: controller.node("m1").provision_state == "clean wait", 5, "the wait")
        token = look_up(controller, MAC).config.agent_token
        assert "TLS is required" in refused(controller, "m1", beat(token))


def test_the_api_answers_as_the_agent_expects(waiting: RunningController) -> None:
    reply = requests.get(
        f"{waiting.url}/v1/lookup?addresses={MAC}",
        headers={"X-OpenStack-Ironic-API-Version": "1.62"},
        timeout=5,
    )
    assert reply.status_code == 200
    token = reply.json()["config"]["agent_token"]
    body = {"callback_url": "http://127.0.0.1:9999", "agent_token": token, "agent_version": "1"}
    url = f"{waiting.url}/v1/heartbeat/{reply.json()['node']['uuid']}"
    headers = {"X-OpenStack-Ironic-API-Version": "1.68"}
    assert requests.post(url, json=body, headers=headers, timeout=5).status_code == 202
    wrong = requests.post(url, json={**body, "agent_token": "no"}, headers=headers, timeout=5)
    assert wrong.status_code == 400
