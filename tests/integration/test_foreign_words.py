"""What agents and machines say, as nasty as it comes, at every entrance: a node succeeds or fails with a readable sentence."""

import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from controller.store.tables import Node
from tests.integration.databases import postgres_url, url
from tests.integration.running_controller import RunningController, running_controller
from tests.integration.waiting import wait_until

__all__ = ["postgres_url", "url"]
pytestmark = pytest.mark.timeout(300)

SECRET = "geheim-4711"
NASTY_TEXTS = (
    "W\udce9stern",
    "\ud800",
    "a\x00b",
    "\x1b[2J\x1b]0;owned\x07",
    "one\r\ntwo\x85\u2028\u202eeert",
    "x" * 200_000,
    f"cannot get http://user:{SECRET}@web/i?X-Amz-Signature={SECRET}&part=1",
    f"{{'ipmi_password': '{SECRET}'}} rootpwd={SECRET}",
    "",
    "\n\n",
    "ingot-sealed:0123456789ab:AAAA",
)
NASTY_VALUES: tuple[Any, ...] = (
    *NASTY_TEXTS,
    float("nan"),
    float("inf"),
    -float("inf"),
    10**400,
    -(2**64),
    1e308,
    None,
    True,
    [],
    {},
    [[[[[[[[[[[]]]]]]]]]]],
)
UNFIT = set("\x00\x1b\r\x07\x85\u2028\u202e\ud800\udce9")


def nasty(chance: random.Random, values: tuple[Any, ...] = NASTY_VALUES, depth: int = 4) -> Any:
    """Make a document that no honest agent sends."""
    kind = chance.random()
    if depth and kind < 0.3:
        return [nasty(chance, values, depth - 1) for _ in range(chance.randrange(4))]
    if depth and kind < 0.7:
        keys = [chance.choice(NASTY_TEXTS)[:300] for _ in range(chance.randrange(4))]
        return {key: nasty(chance, values, depth - 1) for key in keys}
    return chance.choice(values)


@pytest.fixture
def controller(tmp_path: Path, url: str) -> Iterator[RunningController]:
    files = {name: str(tmp_path / name) for name in ("deploy_kernel", "deploy_ramdisk")}
    for file in files.values():
        Path(file).write_bytes(b"kernel")
    with running_controller(tmp_path, database_url=url, **files) as running:
        yield running


def end_of(controller: RunningController, name: str, target: str) -> Node:
    """Start a workflow and wait until nothing more is to be done."""
    controller.ask(name, target)
    wait_until(lambda: controller.node(name).stage is None, 60, f"the end of {target} of {name}")
    return controller.node(name)


def assert_shown_well(controller: RunningController, name: str) -> None:
    headers = {"X-OpenStack-Ironic-API-Version": "1.115"}
    for path in ("", "/history?detail=true", "/inventory"):
        reply = requests.get(f"{controller.url}/v1/nodes/{name}{path}", headers=headers, timeout=30)
        assert reply.status_code in {200, 404}, reply.text
        for text in texts_of(reply.json()):
            text.encode()
            assert not UNFIT & set(text)
            assert SECRET not in text
            assert len(text) <= 65_536


def texts_of(document: Any) -> Iterator[str]:
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict | list):
        for item in (*document, *document.values()) if isinstance(document, dict) else document:
            yield from texts_of(item)


def test_whatever_an_agent_gives_as_a_reason_the_node_fails_with_a_sentence(
    controller: RunningController,
) -> None:
    for number, text in enumerate(NASTY_TEXTS):
        name = f"n{number}"
        bmc = controller.enrol(name, "manageable")
        bmc.machine.behaviour.failures["erase_devices_metadata"] = text or " "
        node = end_of(controller, name, "provide")
        assert node.provision_state == "clean failed"
        assert "erase_devices_metadata failed on the agent: " in str(node.last_error)
        assert_shown_well(controller, name)


def test_whatever_an_agent_gives_as_a_result_the_node_goes_on_or_fails_with_a_sentence(
    controller: RunningController,
) -> None:
    chance = random.Random(4711)
    for number in range(12):
        name = f"n{number}"
        bmc = controller.enrol(name, "manageable")
        document = nasty(chance)
        bmc.machine.behaviour.results = {
            "erase_devices_metadata": document,
            "erase_devices": {"receipt": document},
        }
        node = end_of(controller, name, "provide")
        assert node.provision_state in {"available", "clean failed"}
        assert node.last_error is None or " " in node.last_error
        assert_shown_well(controller, name)


def test_whatever_an_agent_offers_as_steps_the_node_goes_on_or_fails_with_a_sentence(
    controller: RunningController,
) -> None:
    chance = random.Random(815)
    for number in range(12):
        name = f"n{number}"
        bmc = controller.enrol(name, "manageable")
        step = {
            "step": chance.choice(NASTY_TEXTS),
            "priority": chance.choice((5, 2**40, float("nan"), "7")),
            "interface": "deploy",
            "reboot_requested": False,
            "argsinfo": nasty(chance),
        }
        bmc.machine.behaviour.steps = {"clean": [step]}
        node = end_of(controller, name, "provide")
        assert node.provision_state in {"available", "clean failed"}
        assert_shown_well(controller, name)


def test_whatever_an_inspection_finds_is_stored_clean_or_refused(
    controller: RunningController,
) -> None:
    chance = random.Random(42)
    finite = tuple(value for value in NASTY_VALUES if not is_odd_number(value))
    for number in range(12):
        name = f"n{number}"
        bmc = controller.enrol(name, "manageable", interfaces={})
        mac = f"52:54:00:00:00:{number + 1:02x}"
        interface = {"name": "enp0s1", "mac_address": mac, "product": nasty(chance, finite)}
        bmc.machine.behaviour.inspection = {
            "inventory": {
                "interfaces": [interface],
                "boot": {"current_boot_mode": "uefi", "pxe_interface": mac},
                "system_vendor": nasty(chance, finite),
                "disks": [nasty(chance, finite)],
            },
            "root_disk": nasty(chance, finite),
            "nasty": nasty(chance, finite),
            "error": chance.choice((None, None, *NASTY_TEXTS)),
        }
        node = end_of(controller, name, "inspect")
        assert node.provision_state in {"manageable", "inspect failed"}
        if node.provision_state == "inspect failed":
            assert "could not inspect the machine" in str(node.last_error)
        assert_shown_well(controller, name)


def is_odd_number(value: object) -> bool:
    """Say whether the double cannot send it: its library refuses to write it."""
    return isinstance(value, float) and not math.isfinite(value)
