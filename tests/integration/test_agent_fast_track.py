"""One boot of the real agent under several workflows, as Ironic's conductor orders them with fast track."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.agent_process import Agent, Conductor
from tests.integration.fake_controller import FakeController, fake_controller


@pytest.fixture
def controller() -> Iterator[FakeController]:
    with fake_controller() as served:
        yield served


@pytest.fixture
def agent(tmp_path: Path, controller: FakeController) -> Iterator[Agent]:
    made = Agent(tmp_path, controller)
    yield made
    made.kill()


def deploy(conductor: Conductor, url: str) -> dict[str, object]:
    """Deploy as the conductor does after the first heartbeat, and return what the step said."""
    conductor.order("deploy.get_deploy_steps", {"node": {"uuid": "u"}, "ports": []}, wait=True)
    args = {"image_info": {"urls": [url]}}
    ended: dict[str, object] = conductor.step("deploy", "write_image", args, wait=True)
    return ended


def test_one_boot_cleans_and_deploys_twice_with_nothing_left_of_before(
    agent: Agent, controller: FakeController
) -> None:
    controller.heartbeat_timeout_s = 1
    (agent.folder / "finish-write").touch()
    agent.start()
    conductor = Conductor(agent, controller.heartbeat().body)
    disk = agent.folder / "disk"
    for number, url in enumerate(("http://192.0.2.1/first", "http://192.0.2.1/second")):
        ended = conductor.step("clean", "erase_devices_metadata", wait=True)
        assert (ended["command_status"], disk.read_bytes()) == ("SUCCEEDED", b"")
        uuids = conductor.order("standby.get_partition_uuids", wait=True).json()
        assert uuids["command_result"] == {}, "the image before the cleaning"
        beats = sum("heartbeat" in seen.path for seen in controller.seen)
        controller.heartbeat(beats + 2)  # the idle agent goes on beating
        assert deploy(conductor, url)["command_status"] == "SUCCEEDED"
        assert disk.read_text() == f"{url} None"
        uuids = conductor.order("standby.get_partition_uuids", wait=True).json()
        assert uuids["command_result"]["root uuid"] == "0x12345678"
        last = conductor.commands()[-2]
        assert last["command_result"]["deploy_step"]["args"]["image_info"]["urls"] == [url]
        assert len(conductor.commands()) == 5 * (number + 1)
