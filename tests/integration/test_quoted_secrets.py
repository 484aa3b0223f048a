"""Whatever an agent says, it may quote a secret of its node in free text: none is stored, whichever door it comes in by."""

import base64
import gzip
import json
import random
import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from agent.protocol.config_drive import decode
from controller.store.tables import Node
from tests.integration.agent_double import Machine
from tests.integration.inspections import inspection
from tests.integration.running_controller import (
    IMAGE,
    MachineBmc,
    RunningController,
    running_controller,
)
from tests.integration.steps_asked_for import step, wish
from tests.integration.waiting import wait_until

CHANCE = random.Random(4711)
LETTERS = string.ascii_letters + string.digits + "%&+/$'\" -"


def secret() -> str:
    """Make a password as people and generators choose them."""
    return "p" + "".join(CHANCE.choices(LETTERS, k=CHANCE.randrange(8, 40))) + "w"


class Quoting:
    """An agent that has read every secret of its node, and says so on every occasion."""

    def __init__(self, bmc: MachineBmc) -> None:
        self.machine: Machine = bmc.machine
        self.secrets: list[str] = []
        self._order = ""
        self._say: Callable[[], None] = lambda: None
        self.machine.on_change = self._on_change

    def at(self, order: str, say: Callable[[str], None]) -> None:
        """Have something said when this order has come."""

        def now() -> None:
            say(self.text())

        self._order, self._say = order, now

    def text(self) -> str:
        token = self.machine.agent.token
        assert token
        told = [*self.secrets, token]
        told += [order["rescue_password"] for order in self.machine.ordered("finalize_rescue")]
        self.secrets = list(dict.fromkeys(told))
        return f"the tool said: {'; then '.join(map(repr, self.secrets))}, and {self.secrets[0]}"

    def _on_change(self, what: str) -> None:
        if what == f"order {self._order}":
            self._say()


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    files = {name: str(tmp_path / name) for name in ("deploy_kernel", "deploy_ramdisk")}
    for file in files.values():
        Path(file).write_bytes(b"kernel")
    with running_controller(tmp_path, require_rescue_password_hashed=False, **files) as running:
        yield running


def enrol(controller: RunningController, state: str, **columns: Any) -> Quoting:
    chosen = {"ipmi_password": secret(), "snmp_community": secret()}
    pulled = {"image_pull_secret": secret()}
    columns = {"instance_info": {**IMAGE, **pulled}, **columns}
    bmc = controller.enrol("m1", state, driver_info={"fake_id": "m1", **chosen}, **columns)
    quoting = Quoting(bmc)
    quoting.secrets = [*chosen.values(), *pulled.values()]
    return quoting


def ended(controller: RunningController) -> Node:
    wait_until(lambda: controller.node("m1").stage is None, 30, "the end")
    return controller.node("m1")


def assert_kept_nowhere(controller: RunningController, quoting: Quoting, folder: Path) -> None:
    """Look at what people are shown, at what is stored for them, and into the kept logs."""
    node = controller.node("m1")
    texts = [node.last_error, node.maintenance_reason, json.dumps(node.progress)]
    texts += [json.dumps(node.driver_internal_info), json.dumps(node.inventory)]
    texts += [event.message + json.dumps(event.data) for event in controller.events("m1")]
    headers = {"X-OpenStack-Ironic-API-Version": "1.115"}
    for path in ("", "/history?detail=true", "/inventory"):
        texts.append(
            requests.get(f"{controller.url}/v1/nodes/m1{path}", headers=headers, timeout=30).text
        )
    archives = [file.read_bytes() for file in folder.glob("logs/*/*")]
    plain = [gzip.decompress(one) if one[:2] == b"\x1f\x8b" else one for one in archives]
    texts += [one.decode(errors="replace") for one in plain]
    assert len(quoting.secrets) >= 3
    for one in quoting.secrets:
        for form in {one, json.dumps(one)[1:-1]}:
            assert not [text for text in texts if text and form in text], one


def erase(controller: RunningController) -> None:
    controller.driver.bmcs["m1"].machine.behaviour.steps = {"clean": [step("erase", 9)]}
    controller.ask("m1", "provide")


FAILURES: dict[str, Callable[[Machine, str], None]] = {
    "details": lambda machine, text: machine.behaviour.failures.update(erase=text),
    "plain error": lambda machine, text: machine.behaviour.endings.update(
        erase={"command_status": "FAILED", "command_error": text}
    ),
    "long error": lambda machine, text: machine.behaviour.endings.update(
        erase={"command_status": "FAILED", "command_error": "x" * 1990 + text}
    ),
    "nonsense": lambda machine, text: machine.behaviour.endings.update(
        erase={"command_status": text}
    ),
    "progress": lambda machine, text: machine.behaviour.endings.update(
        erase={"command_status": "RUNNING", "progress": {"phase": text, "message": text}}
    ),
}


@pytest.mark.parametrize("door", FAILURES)
def test_a_step_that_fails(controller: RunningController, tmp_path: Path, door: str) -> None:
    quoting = enrol(controller, "manageable")
    quoting.at("erase", lambda text: FAILURES[door](quoting.machine, text))
    erase(controller)
    if door == "progress":
        wait_until(lambda: bool(controller.node("m1").progress), 20, "progress")
        assert "the tool said: " in str(controller.node("m1").progress)
        assert_kept_nowhere(controller, quoting, tmp_path)
        controller.ask("m1", "abort")
    node = ended(controller)
    assert node.provision_state == "clean failed"
    said = {"long error": "xxx", "progress": "Aborted"}.get(door, "******")
    assert said in str(node.last_error)
    assert_kept_nowhere(controller, quoting, tmp_path)


def test_a_list_of_steps_and_a_result(controller: RunningController, tmp_path: Path) -> None:
    quoting = enrol(controller, "active")
    behaviour = quoting.machine.behaviour

    def describe(text: str) -> None:
        told = {"depth": {"description": text, "required": False}}
        behaviour.steps = {"service": [step("flash", argsinfo=told)]}
        behaviour.results["flash"] = {"said": text, "receipt": {"warnings": [text]}}

    quoting.at("get_service_steps", describe)
    controller.ask("m1", "service", service_steps=[wish("flash")])
    node = ended(controller)
    assert node.provision_state == "active", node.last_error
    assert "the tool said: " in json.dumps(node.driver_internal_info)
    assert_kept_nowhere(controller, quoting, tmp_path)


def test_a_rescue_that_fails_and_its_logs(controller: RunningController, tmp_path: Path) -> None:
    password = secret()
    quoting = enrol(controller, "active")
    behaviour = quoting.machine.behaviour

    def refuse(text: str) -> None:
        behaviour.failures["finalize_rescue"] = text
        logs = base64.b64encode(gzip.compress(f"{text}\n".encode() * 9)).decode()
        behaviour.endings["collect_system_logs"] = {"command_result": {"system_logs": logs}}

    quoting.at("finalize_rescue", refuse)
    controller.ask("m1", "rescue", rescue_password=password)
    node = ended(controller)
    assert node.provision_state == "rescue failed"
    assert "the agent did not open the rescue login: the tool said: " in str(node.last_error)
    assert password in quoting.secrets
    assert len(list(tmp_path.glob("logs/*/*"))) == 1
    assert_kept_nowhere(controller, quoting, tmp_path)


def test_a_config_drive(controller: RunningController, tmp_path: Path) -> None:
    quoting = enrol(controller, "available")
    root, admin = "geheim-" + "9x" * 6, "admin-" + "7y" * 6
    drive = {
        "meta_data": {"admin_pass": admin},
        "user_data": f"#cloud-config\npassword: {root}\n",
    }

    def fail(text: str) -> None:
        packed = str(controller.node("m1").config_drive)
        quoting.secrets += [packed[40:120], root, admin]
        assert root.encode() in decode(packed)
        quoting.machine.behaviour.failures["write_image"] = f"{quoting.text()} {text}"

    quoting.at("write_image", fail)
    controller.ask("m1", "active", configdrive=drive)
    node = ended(controller)
    assert node.provision_state == "deploy failed"
    assert_kept_nowhere(controller, quoting, tmp_path)


@pytest.mark.parametrize("is_failure", [True, False])
def test_an_inspection(controller: RunningController, tmp_path: Path, is_failure: bool) -> None:
    quoting = enrol(controller, "manageable", interfaces={})
    text = quoting_without_agent(quoting)
    logs = base64.b64encode(text.encode()).decode()
    behaviour = quoting.machine.behaviour
    behaviour.inspection = inspection(
        error=text if is_failure else None, warnings=[text], logs=logs, pci_devices=[{"x": text}]
    )
    controller.ask("m1", "inspect")
    node = ended(controller)
    assert node.provision_state == ("inspect failed" if is_failure else "manageable")
    shown = str(node.last_error) if is_failure else json.dumps(node.inventory)
    assert "the tool said: " in shown
    assert_kept_nowhere(controller, quoting, tmp_path)


def quoting_without_agent(quoting: Quoting) -> str:
    return f"the tool said: {' '.join(quoting.secrets)}"


def test_a_heartbeat(controller: RunningController, tmp_path: Path) -> None:
    quoting = enrol(controller, "manageable")
    behaviour = quoting.machine.behaviour
    behaviour.seconds["erase"] = 5.0
    erase(controller)
    wait_until(lambda: bool(quoting.machine.ordered("erase")), 20, "the step")
    quoting.text()
    for one in quoting.secrets:
        reply = quoting.machine.agent.heartbeat(agent_version=f"is {one}"[:64])
        assert reply.status_code == 202, reply.text
        assert controller.node("m1").driver_internal_info["agent_version"] == "is ******"
    controller.ask("m1", "abort")
    ended(controller)
    assert_kept_nowhere(controller, quoting, tmp_path)
