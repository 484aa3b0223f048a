"""What agents say of erasures, RAID, services, rescues and deployments, as nasty as it comes: the node goes on or fails with a sentence."""

import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import requests

from tests.integration.databases import postgres_url, url
from tests.integration.running_controller import (
    IMAGE,
    MachineBmc,
    RunningController,
    running_controller,
)
from tests.integration.steps_asked_for import step, wish
from tests.integration.test_foreign_words import (
    NASTY_TEXTS,
    SECRET,
    UNFIT,
    assert_shown_well,
    nasty,
    texts_of,
)
from tests.integration.waiting import wait_until
from tests.unit.controller.workflow.test_certificates import ERASED

__all__ = ["postgres_url", "url"]
pytestmark = pytest.mark.timeout(300)

GOOD = msgspec.to_builtins(ERASED)
MANY = 2


@pytest.fixture
def controller(tmp_path: Path, url: str) -> Iterator[RunningController]:
    with running_controller(tmp_path, database_url=url, agent_silence_timeout_s=2.0) as running:
        yield running


def erasing(controller: RunningController, name: str, chance: random.Random) -> set[str]:
    """Begin a cleaning whose report of an erasure is nasty in two places."""
    disk = {**GOOD, **{key: nasty(chance) for key in chance.sample(sorted(GOOD), 2)}}
    report = {"step": chance.choice(NASTY_TEXTS), "level_asked": "clear", "disks": [disk]}
    machine = controller.enrol(name, "manageable").machine
    machine.behaviour.steps = {"clean": [step("erase_devices", 9)]}
    machine.behaviour.results["erase_devices"] = {"erasure": report}
    controller.ask(name, "provide")
    return {"available", "clean failed"}


def building_raid(controller: RunningController, name: str, chance: random.Random) -> set[str]:
    """Begin a cleaning whose logical disks are nasty."""
    disk = {chance.choice(NASTY_TEXTS)[:200]: nasty(chance), "controller": nasty(chance)}
    said = {"logical_disks": [disk], "last_updated": nasty(chance)}
    machine = controller.enrol(name, "manageable").machine
    machine.behaviour.steps = {"clean": [step("delete_configuration", 9, interface="raid")]}
    machine.behaviour.results["delete_configuration"] = chance.choice((said, said, nasty(chance)))
    controller.ask(name, "provide")
    return {"available", "clean failed"}


def in_use(controller: RunningController, name: str) -> MachineBmc:
    return controller.enrol(name, "active", instance_info=IMAGE)


def serving(controller: RunningController, name: str, chance: random.Random) -> set[str]:
    """Begin a service whose step ends nastily."""
    behaviour = in_use(controller, name).machine.behaviour
    behaviour.steps = {"service": [step("flash", argsinfo={"a": {}})]}
    behaviour.seconds["flash"] = 0.2
    behaviour.endings["flash"] = {"command_result": nasty(chance)}
    if chance.random() < 0.5:
        behaviour.failures["flash"] = chance.choice(NASTY_TEXTS) or " "
    controller.ask(name, "service", service_steps=[wish("flash")])
    return {"service failed"} if behaviour.failures else {"active"}


def rescuing(controller: RunningController, name: str, chance: random.Random) -> set[str]:
    """Begin a rescue that the agent refuses nastily."""
    text = chance.choice(NASTY_TEXTS)
    errors = (text, {"details": text}, {"type": text}, nasty(chance))
    ending = {"command_status": "FAILED", "command_error": chance.choice(errors)}
    in_use(controller, name).machine.behaviour.endings["finalize_rescue"] = ending
    controller.ask(name, "rescue", rescue_password=SECRET)
    return {"rescue failed"}


def deploying(controller: RunningController, name: str, chance: random.Random) -> set[str]:
    """Begin a deployment whose receipt is nasty."""
    machine = controller.enrol(name, "available", instance_info=IMAGE).machine
    machine.behaviour.results["write_image"] = {"receipt": nasty(chance)}
    controller.ask(name, "active")
    return {"active", "deploy failed"}


def test_whatever_an_agent_says_the_node_goes_on_or_fails_with_a_sentence(
    controller: RunningController,
) -> None:
    possible: dict[str, set[str]] = {}
    for begin in (erasing, building_raid, serving, rescuing, deploying):
        chance = random.Random(begin.__name__)
        for number in range(MANY):
            name = f"{begin.__name__}-{number}".replace("_", "-")
            possible[name] = begin(controller, name, chance)
    for name, states in possible.items():
        wait_until(lambda name=name: controller.node(name).stage is None, 120, f"the end of {name}")  # type: ignore[misc]
        node = controller.node(name)
        assert node.provision_state in states, f"{name}: {node.last_error}"
        assert node.last_error is None or " " in node.last_error
        assert "internal error" not in str(node.last_error)
        assert_shown_well(controller, name)
        assert_certified_well(controller, name)


def assert_certified_well(controller: RunningController, name: str) -> None:
    base = f"{controller.url}/v1/nodes/{name}/certificates"
    for one in requests.get(base, timeout=10).json()["certificates"]:
        page = requests.get(f"{base}/{one['uuid']}/page", timeout=10)
        assert page.status_code == 200, page.text
        for text in texts_of(requests.get(f"{base}/{one['uuid']}", timeout=10).json()):
            assert not UNFIT & set(text)
            assert SECRET not in text
