"""The real agent says that it ends before it starts another system, and starts nothing if that is not taken."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.agent_process import Agent, Conductor
from tests.integration.fake_controller import FakeController, Seen, fake_controller
from tests.integration.waiting import wait_until


@pytest.fixture
def controller() -> Iterator[FakeController]:
    with fake_controller() as served:
        yield served


@pytest.fixture
def conductor(tmp_path: Path, controller: FakeController) -> Iterator[Conductor]:
    """Give a conductor whose agent has written an image and loaded its kernel."""
    (tmp_path / "finish-write").touch()
    agent = Agent(tmp_path, controller, "kexec_machine")
    agent.start()
    try:
        made = Conductor(agent, controller.heartbeat().body)
        image = {"image_info": {"urls": ["http://192.0.2.1/u"]}}
        made.step("deploy", "write_image", image, wait=True)
        loaded: Any = made.order("standby.prepare_kexec", wait=True).json()
        assert loaded["command_result"]["announces_end"] is True, loaded
        yield made
    finally:
        agent.kill()


def last_words(controller: FakeController) -> list[Seen]:
    beats = [seen for seen in controller.seen if "heartbeat" in seen.path]
    return [beat for beat in beats if beat.body.get("agent_status") == "end"]


def test_it_is_said_before_the_start(
    conductor: Conductor, controller: FakeController, tmp_path: Path
) -> None:
    conductor.order("standby.start_kexec", {"patience_s": 20})
    wait_until((tmp_path / "power").exists, 20, "the start")
    (word,) = last_words(controller)
    assert word.headers["X-OpenStack-Ironic-API-Version"] == "1.72"
    assert word.body["callback_url"] == conductor.url
    assert (tmp_path / "power").read_text() == "kexec"


def test_who_is_refused_starts_nothing_and_says_so(
    conductor: Conductor, controller: FakeController, tmp_path: Path
) -> None:
    wait_until(
        lambda: conductor.commands()[-1]["command_status"] == "SUCCEEDED", 20, "the heartbeat"
    )
    controller.heartbeat_refusals.extend([(400, "no such word")] * 5)
    conductor.order("standby.start_kexec")
    wait_until(lambda: conductor.commands()[-1]["command_status"] == "FAILED", 20, "the end")
    said = conductor.commands()[-1]["command_error"]["details"]
    assert "the controller does not take our end" in said
    assert "no such word" in said
    assert not (tmp_path / "power").exists()
