"""Steps of the interfaces ``redfish`` in a workflow, at the laboratory's BMC: settings, a start of the machine, firmware through a silence, another controller."""

import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.bmc import redfish_firmware_steps
from controller.store.tables import Node
from controller.workflow.power_sync import watch_power
from tests.integration.redfish_doubles import RedfishLab, driver_info, redfish_lab
from tests.integration.running_controller import RunningController, running_controller
from tests.integration.waiting import wait_until
from tests.lab.redfish.faults import RedfishFaults
from tests.lab.redfish.orders.hardware import firmware_image

pytestmark = [
    pytest.mark.root,
    pytest.mark.long,
    pytest.mark.timeout(120),
    pytest.mark.skipif(os.geteuid() != 0, reason="a lab needs root"),
]


DEFAULTS = {"default_bios_interface": "", "default_firmware_interface": ""}
"""What a controller has; those of tests are for machines without firmware."""


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedfishLab]:
    monkeypatch.setattr(redfish_firmware_steps, "_WAITS_S", 0.5)
    monkeypatch.setattr(redfish_firmware_steps, "_SETTLES_S", 1.0)
    with redfish_lab(tmp_path / "lab") as made, made.as_new():
        yield made


def enrol(controller: RunningController, lab: RedfishLab, driver: str, **info: object) -> None:
    with controller.store.edit() as session:
        node = Node(
            uuid=str(uuid.uuid4()),
            name="m1",
            created_at=time.time(),
            provision_state="manageable",
            driver=driver,
            driver_info={**driver_info(lab), **info},
            instance_info={},
            interfaces={},
            conductor=controller.services.hostname,
        )
        session.add(node)
        session.flush()
        watch_power(controller.services, session, node)


def step(interface: str, name: str, settings: Any) -> dict[str, Any]:
    return {"interface": interface, "step": name, "args": {"settings": settings}}


def told(controller: RunningController) -> list[str]:
    return [one.message for one in controller.events("m1", "step")]


@pytest.mark.parametrize("driver", ["redfish", "idrac", "ilo"])
def test_settings_and_firmware_are_changed_and_the_machine_is_restarted(
    lab: RedfishLab, tmp_path: Path, driver: str
) -> None:
    url = lab.http.publish("bios.bin", firmware_image("BIOS", "1.7.0"))
    lab.bmc.set_faults(RedfishFaults(stages_updates=True))
    lab.machine.power_on()
    boots = lab.machine.boots
    with running_controller(tmp_path, **DEFAULTS) as controller:
        enrol(controller, lab, driver)
        steps = [
            step("bios", "apply_configuration", [{"name": "NumLock", "value": "Off"}]),
            step("firmware", "update", [{"component": "bios", "url": url}]),
        ]
        controller.ask("m1", "clean", clean_steps=steps, disable_ramdisk=True)
        controller.wait_for("m1", "manageable", timeout_s=60)
        assert "clean step update: bios: 1.0.0 -> 1.7.0" in told(controller)
    assert lab.machine.boots == boots + 2
    assert lab.client().get("Systems/1/Bios")["Attributes"]["NumLock"] == "Off"


def test_another_controller_goes_on_with_an_update_through_a_silence(
    lab: RedfishLab, tmp_path: Path
) -> None:
    url = lab.http.publish("bmc.bin", firmware_image("BMC", "2.7.0"))
    lab.bmc.set_faults(RedfishFaults(silent_after_update_s=6.0, forgets_tasks=True))
    with running_controller(tmp_path, **DEFAULTS) as first:
        enrol(first, lab, "redfish")
        steps = [step("firmware", "update", [{"component": "bmc", "url": url}])]
        first.ask("m1", "clean", clean_steps=steps, disable_ramdisk=True)
        wait_until(lambda: "for " in _phase(first), 20, "the silence")
    with running_controller(tmp_path, **DEFAULTS) as second:
        second.wait_for("m1", "manageable", timeout_s=60)
        assert "clean step update: bmc: 2.0.0 -> 2.7.0" in told(second)


def test_a_refusal_fails_the_step_with_one_sentence(lab: RedfishLab, tmp_path: Path) -> None:
    with running_controller(tmp_path, **DEFAULTS) as controller:
        enrol(controller, lab, "redfish")
        wrong = [step("bios", "apply_configuration", [{"name": "Warp", "value": "9"}])]
        controller.ask("m1", "clean", clean_steps=wrong, disable_ramdisk=True)
        node = controller.wait_for("m1", "clean failed")
    assert f"BMC {lab.bmc.url}: change BIOS settings: Warp: the BIOS has no such setting" in str(
        node.last_error
    )


def _phase(controller: RunningController) -> str:
    progress: Any = controller.node("m1").progress
    return str((progress or {}).get("phase"))
