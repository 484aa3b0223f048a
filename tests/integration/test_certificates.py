"""Certificates of sanitization: made of what agents report, signed, listed, printed, checked."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests

from controller.client.cli import main
from tests.integration.running_controller import RunningController, running_controller
from tests.integration.steps_asked_for import step
from tests.integration.waiting import wait_until
from tests.unit.controller.workflow.test_certificates import ERASED

GOOD = msgspec.to_builtins(ERASED)
BAD = {**GOOD, "path": "/dev/sda", "serial": "S1", "state": "failed", "levels": []}


def result(*disks: dict[str, Any]) -> dict[str, Any]:
    report = {"step": "erase_devices", "level_asked": "clear", "disks": list(disks)}
    return {disk["path"]: disk["detail"] for disk in disks} | {"erasure": report}


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    settings: dict[str, Any] = {"erase_devices_priority": 5, "agent_silence_timeout_s": 3.0}
    with running_controller(tmp_path, erase_level="clear", **settings) as running:
        yield running


def clean(controller: RunningController, ends: str, **behaviour: Any) -> Any:
    bmc = controller.enrol("m1", "manageable")
    bmc.machine.behaviour.steps = {"clean": [step("erase_devices", 10)]}
    for name, value in behaviour.items():
        getattr(bmc.machine.behaviour, name)["erase_devices"] = value
    controller.ask("m1", "provide")
    controller.wait_for("m1", ends)
    return bmc


def listed(controller: RunningController) -> list[dict[str, Any]]:
    reply = requests.get(f"{controller.url}/v1/nodes/m1/certificates", timeout=10)
    found: list[dict[str, Any]] = reply.json()["certificates"]
    return found


def test_a_disk_that_was_erased_has_a_certificate_that_can_be_checked(
    controller: RunningController,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bmc = clean(controller, "available", results=result(GOOD))
    (sent,) = [params for name, params in bmc.machine.orders if name == "erase_devices"]
    info = sent["node"]["driver_internal_info"]
    assert (info["agent_erase_level"], info["agent_erase_allow_overwrite"]) == ("clear", False)
    (one,) = listed(controller)
    assert (one["verdict"], one["serial"], one["levels"]) == ("sanitized", "NV0", ["clear"])
    monkeypatch.setenv("INGOT_API_URL", controller.url)
    assert main(["node", "certificate", "m1", "--json"]) == 0
    kept = tmp_path / "certificate.json"
    kept.write_text(capsys.readouterr().out)
    assert main(["node", "certificate", "m1", "--verify", str(kept)]) == 0
    assert capsys.readouterr().out.startswith("genuine: sanitized, serial NV0")
    controller.enrol("m2", "manageable")
    assert main(["node", "certificate", "m2", "--verify", str(kept)]) == 1
    assert "not of" in capsys.readouterr().err
    document = json.loads(kept.read_text())
    document["certificate"]["media"]["serial"] = "S1"
    kept.write_text(json.dumps(document))
    assert main(["node", "certificate", "m1", "--verify", str(kept)]) == 1
    assert "changed after it was signed" in capsys.readouterr().err
    assert main(["node", "certificate", "m1", "--html"]) == 0
    assert "<h1>Certificate of sanitization</h1>" in capsys.readouterr().out
    assert main(["node", "certificate", "m1"]) == 0
    assert "sanitized" in capsys.readouterr().out


def test_a_step_that_fails_certifies_each_disk_as_what_it_is(controller: RunningController) -> None:
    report = {"clean_result": result(GOOD, BAD), "clean_step": {}}
    clean(
        controller,
        "clean failed",
        failures="1 of 2 disks not erased",
        endings={"command_result": report},
    )
    assert {one["path"]: one["verdict"] for one in listed(controller)} == {
        "/dev/nvme0n1": "sanitized",
        "/dev/sda": "failed",
    }


def test_a_machine_that_is_lost_in_the_middle_is_certified_as_failed(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "manageable")
    bmc.machine.behaviour.steps = {"clean": [step("erase_devices", 10)]}
    bmc.machine.behaviour.seconds["erase_devices"] = 600.0
    bmc.machine.behaviour.results["erase_devices"] = result(GOOD)
    controller.ask("m1", "provide")
    wait_until(lambda: controller.node("m1").stage == "clean.step.watch", 20, "the erasure")
    bmc.machine.power_off()
    controller.wait_for("m1", "clean failed", 60)
    (one,) = listed(controller)
    assert one["verdict"] == "failed"
    shown = requests.get(
        f"{controller.url}/v1/nodes/m1/certificates/{one['uuid']}/page", timeout=10
    )
    assert "NOT certified as sanitized" in shown.text
    assert "script" not in shown.headers["Content-Security-Policy"]


def test_an_erasure_that_a_person_aborts_is_certified_as_failed(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "manageable")
    bmc.machine.behaviour.steps = {"clean": [step("erase_devices", 10)]}
    bmc.machine.behaviour.seconds["erase_devices"] = 600.0
    controller.ask("m1", "provide")
    wait_until(lambda: controller.node("m1").stage == "clean.step.watch", 20, "the erasure")
    controller.ask("m1", "abort")
    controller.wait_for("m1", "clean failed")
    (one,) = listed(controller)
    assert one["verdict"] == "failed"


@pytest.mark.parametrize("ignores_stop", [True, False])
def test_an_erasure_that_is_told_to_stop_is_certified_as_failed(
    tmp_path: Path, ignores_stop: bool
) -> None:
    settings: dict[str, Any] = {"erase_devices_priority": 5, "erase_level": "clear"}
    with running_controller(tmp_path, step_stop_timeout_s=0.3, **settings) as controller:
        bmc = controller.enrol("m1", "manageable")
        behaviour = bmc.machine.behaviour
        behaviour.steps = {"clean": [step("erase_devices", 10)]}
        behaviour.seconds["erase_devices"], behaviour.stoppable = 60.0, {"erase_devices"}
        behaviour.ignores_stop = ignores_stop
        controller.ask("m1", "provide")
        wait_until(lambda: bool(controller.node("m1").progress), 20, "the erasure")
        if not ignores_stop:
            for command in bmc.machine.agent.commands:
                command["seconds"] = 0.2  # what is left of it
        controller.ask("m1", "abort")
        controller.wait_for("m1", "clean failed")
        assert [one["verdict"] for one in listed(controller)] == ["failed"]


@pytest.mark.parametrize("said", [{"erasure": "perfect"}, {"erasure": {"disks": [GOOD]}}])
def test_a_report_that_cannot_be_read_is_certified_as_failed(
    controller: RunningController, said: dict[str, Any]
) -> None:
    clean(controller, "available", results=said)
    assert [one["verdict"] for one in listed(controller)] == ["failed"]


def test_an_agent_that_reports_nothing_has_no_certificate(controller: RunningController) -> None:
    clean(controller, "available", results={"/dev/sda": "shredded"})
    assert listed(controller) == []
    unknown = f"{controller.url}/v1/nodes/m1/certificates/7"
    assert requests.get(unknown, timeout=10).status_code == 404


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    many = [{**GOOD, "serial": f"S{number}"} for number in range(12)]
    with running_controller(
        tmp_path, erase_devices_priority=5, certificates_per_node=5
    ) as controller:
        clean(controller, "available", results=result(*many))
        kept = [one["serial"] for one in listed(controller)]
    assert kept == ["S11", "S10", "S9", "S8", "S7"]
