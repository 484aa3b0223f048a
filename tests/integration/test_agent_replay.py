"""Ironic's conductor as it was recorded, against our agent: every answer must have the shape that its own agent's had."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.agent_process import Agent, Conductor
from tests.integration.fake_controller import fake_controller

RECORDED = json.loads((Path(__file__).parents[1] / "data/ironic-conductor/uefi.json").read_text())
# What differs by right: the steps themselves, what a step reports, and how far a running one is.
OPEN = {"clean_steps", "deploy_steps", "hardware_manager_version", "clean_result", "deploy_result"}


def assert_same_shape(ours: Any, theirs: Any, where: str = "answer") -> None:
    """Compare kinds and keys, not values; a key of ours that Ironic does not know must be ``progress``."""
    if isinstance(theirs, dict):
        assert isinstance(ours, dict), where
        assert set(ours) - {"progress"} == set(theirs), where
        for key in set(theirs) - OPEN:
            assert_same_shape(ours[key], theirs[key], f"{where}.{key}")
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), where
        for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            assert_same_shape(one, other, f"{where}[{index}]")
    else:
        assert type(ours) is type(theirs), where


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    with fake_controller() as controller:
        made = Agent(tmp_path, controller)
        yield made
        made.kill()


def adapt(request: dict[str, Any]) -> dict[str, Any]:
    """Put in what the conductor takes from our agent's own answers, and what the record leaves out."""
    params = dict(request["params"])
    for version in {"clean_version", "deploy_version"} & set(params):
        params[version] = {"fake_manager": "1.0"}
    if "ports" in params:
        params["ports"] = [{"address": "52:54:00:22:00:11"}]
    if "root_uuid" in params:
        params["root_uuid"] = "0x12345678"
    return {"name": request["name"], "params": params}


@pytest.mark.parametrize("boot", ["clean", "deploy"])
def test_every_answer_to_the_recorded_conductor_has_the_recorded_shape(
    agent: Agent, boot: str
) -> None:
    (agent.folder / "finish-write").touch()
    agent.start()
    conductor = Conductor(agent, agent.controller.heartbeat().body)
    beats = 1
    for exchange in RECORDED[boot]:
        if exchange["method"] == "GET":
            assert_same_shape({"commands": conductor.commands()}, exchange["reply"])
            continue
        order = adapt(exchange["request"])
        answer = conductor.order(order["name"], order["params"], wait=exchange["wait"])
        assert answer.status_code == exchange["status"]
        assert_same_shape(answer.json(), exchange["reply"], order["name"])
        if answer.json()["command_status"] == "RUNNING":
            beats += 1
            agent.controller.heartbeat(count=beats)
    assert {c["command_status"] for c in conductor.commands()} == {"SUCCEEDED"}


def test_the_listed_steps_have_the_recorded_shape(agent: Agent) -> None:
    agent.start()
    conductor = Conductor(agent, agent.controller.heartbeat().body)
    exchange = RECORDED["clean"][0]
    ours = conductor.order(**adapt(exchange["request"]), wait=True).json()["command_result"]
    theirs = exchange["reply"]["command_result"]
    (listed,) = ours["clean_steps"].values()
    recorded = {s["step"]: s for s in theirs["clean_steps"]["GenericHardwareManager"]}
    (erase,) = [s for s in listed if s["step"] == "erase_devices_metadata"]
    assert erase == recorded["erase_devices_metadata"]
    assert ours["hardware_manager_version"] == {"fake_manager": "1.0"}
