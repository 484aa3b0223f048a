"""``rescue.finalize_rescue`` with the agent's real process; the ramdisk's login service is played by the test."""

import time

import pytest
import requests

from agent.protocol.password_hash import hash_password
from tests.integration.agent_process import Agent, Conductor
from tests.integration.agent_process_site import agent, controller
from tests.integration.fake_controller import TOKEN, FakeController
from tests.integration.login_service import LoginService
from tests.integration.waiting import wait_until

HASH = hash_password("hunter2", salt="saltstring")


__all__ = ["agent", "controller"]


def test_the_login_is_opened_and_the_agent_serves_nobody_after_that(
    agent: Agent, controller: FakeController
) -> None:
    service = LoginService(agent.folder)
    agent.start("ipa-debug=1")
    conductor = Conductor(agent, controller.heartbeat().body)
    params = {"rescue_password": HASH, "hashed": True}
    answer = conductor.order("rescue.finalize_rescue", params).json()
    assert answer["command_status"] == "SUCCEEDED"
    assert answer["command_name"] == "finalize_rescue"
    assert answer["command_result"] is None
    assert service.seen == f"{HASH}\n"
    agent.wait_for_log("this machine is being rescued")

    def is_silent() -> bool:
        try:
            conductor.order("standby.sync")
        except requests.ConnectionError:
            return True
        return False

    wait_until(is_silent, 10, "the end of the API")
    beats = len([call for call in controller.seen if call.method == "POST"])
    agent.kill()
    (agent.folder / "log").write_text("")
    agent.start("ipa-debug=1")
    agent.wait_for_log("this machine is being rescued")
    time.sleep(0.5)
    assert len([call for call in controller.seen if call.method == "POST"]) == beats
    assert agent.stop() == 0
    service.close()
    kept = [file for file in agent.folder.rglob("*") if file.is_file()]
    secrets = (HASH, TOKEN)
    for file in kept:
        if file.name != "password":  # the ramdisk's own service removes that one
            assert not any(secret in file.read_text(errors="replace") for secret in secrets), file


def test_a_password_is_hashed_before_it_leaves_the_agent(
    agent: Agent, controller: FakeController
) -> None:
    service = LoginService(agent.folder)
    agent.start()
    conductor = Conductor(agent, controller.heartbeat().body)
    answer = conductor.order("rescue.finalize_rescue", {"rescue_password": "hunter2"}).json()
    assert answer["command_status"] == "SUCCEEDED"
    hashed = service.seen.strip()
    assert hash_password("hunter2", salt=hashed.split("$")[2]) == hashed
    service.close()


@pytest.mark.parametrize(
    ("answer", "greeting", "reason"),
    [
        ("the SSH server does not start: no keys", b"", "does not start: no keys"),
        ("open", b"HTTP/1.1 ", "it greets with b'HTTP/1.1'"),
    ],
)
def test_a_login_that_is_not_open_is_no_success_and_the_agent_goes_on(
    agent: Agent, controller: FakeController, answer: str, greeting: bytes, reason: str
) -> None:
    service = LoginService(agent.folder, answer, greeting)
    agent.start()
    conductor = Conductor(agent, controller.heartbeat().body)
    result = conductor.order("rescue.finalize_rescue", {"rescue_password": "hunter2"}).json()
    assert result["command_status"] == "FAILED"
    assert reason in result["command_error"]["details"]
    assert "hunter2" not in str(result)
    assert conductor.order("standby.sync").json()["command_status"] == "SUCCEEDED"
    service.close()
