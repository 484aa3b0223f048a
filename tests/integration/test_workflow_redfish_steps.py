"""Steps of the interfaces ``redfish`` in a workflow, at the laboratory's BMC: settings, a start of the machine, firmware through a silence, another controller."""

import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.bmc import redfish_firmware_steps, redfish_raid_moves
from controller.bmc.redfish import RedfishDriver
from controller.bmc.redfish_firmware import RedfishFirmware
from controller.settings import Settings
from controller.store.tables import Node
from controller.workflow.power_sync import watch_power
from tests.integration.redfish_doubles import RedfishLab, driver_info, redfish_lab
from tests.integration.running_controller import RunningController, running_controller
from tests.integration.waiting import wait_until
from tests.lab.redfish.faults import RedfishFaults
from tests.lab.redfish.orders.hardware import firmware_image

pytestmark = [pytest.mark.root, pytest.mark.long, pytest.mark.timeout(120)]


DEFAULTS = {
    "default_bios_interface": "",
    "default_firmware_interface": "",
    "default_raid_interface": "",
}
"""What a controller has; those of tests are for machines without firmware."""


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedfishLab]:
    monkeypatch.setattr(redfish_firmware_steps, "_WAITS_S", 0.5)
    monkeypatch.setattr(redfish_firmware_steps, "_SETTLES_S", 1.0)
    with redfish_lab(tmp_path / "lab") as made, made.as_new():
        yield made


def enrol(
    controller: RunningController,
    lab: RedfishLab,
    driver: str,
    target_raid_config: dict[str, Any] | None = None,
    *,
    state: str = "manageable",
) -> None:
    with controller.store.edit() as session:
        node = Node(
            uuid=str(uuid.uuid4()),
            name="m1",
            created_at=time.time(),
            provision_state=state,
            driver=driver,
            driver_info=driver_info(lab),
            target_raid_config=target_raid_config or {},
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


@pytest.mark.parametrize(("verb", "state"), [("clean", "manageable"), ("service", "active")])
@pytest.mark.parametrize("driver", ["redfish", "idrac", "ilo"])
def test_settings_and_firmware_are_changed_and_the_machine_is_restarted(
    lab: RedfishLab, tmp_path: Path, driver: str, verb: str, state: str
) -> None:
    url = lab.http.publish("bios.bin", firmware_image("BIOS", "1.7.0"))
    lab.bmc.set_faults(RedfishFaults(stages_updates=True))
    lab.machine.power_on()
    boots = lab.machine.boots
    with running_controller(tmp_path, **DEFAULTS) as controller:
        enrol(controller, lab, driver, state=state)
        steps = [
            step("bios", "apply_configuration", [{"name": "NumLock", "value": "Off"}]),
            step("firmware", "update", [{"component": "bios", "url": url}]),
        ]
        controller.ask("m1", verb, **{f"{verb}_steps": steps}, disable_ramdisk=True)
        controller.wait_for("m1", state, timeout_s=60)
        assert f"{verb} step update: bios: 1.0.0 -> 1.7.0" in told(controller)
    assert lab.machine.boots == boots + 2
    assert lab.client().get("Systems/1/Bios")["Attributes"]["NumLock"] == "Off"


@pytest.mark.parametrize("driver", ["redfish", "idrac", "ilo"])
def test_volumes_are_made_and_the_node_knows_them(
    lab: RedfishLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, driver: str
) -> None:
    monkeypatch.setattr(redfish_raid_moves, "_SCHEDULED_S", 0.2)
    lab.bmc.set_faults(RedfishFaults(volumes_at_start=True))
    lab.machine.drives = 4
    lab.machine.power_on()
    boots = lab.machine.boots
    disks = [
        {"raid_level": "1", "size_gb": 3, "is_root_volume": True},
        {"raid_level": "0", "size_gb": "MAX"},
    ]
    with running_controller(tmp_path, **DEFAULTS) as controller:
        enrol(controller, lab, driver, {"logical_disks": disks})
        make = {"interface": "raid", "step": "create_configuration"}
        controller.ask("m1", "clean", clean_steps=[make], disable_ramdisk=True)
        controller.wait_for("m1", "manageable", timeout_s=60)
        node = controller.node("m1")
        kept = node.raid_config["logical_disks"]
        assert [(one["raid_level"], one["size_gb"]) for one in kept] == [("1", 3), ("0", 4)]
        assert "last_updated" in node.raid_config
        assert node.properties["root_device"] == kept[0]["root_device_hint"]
        assert any("RAID.1: RAID 1, 3 GiB, on 0, 1" in one for one in told(controller))
        assert lab.machine.boots == boots + 2
        remove = {"interface": "raid", "step": "delete_configuration"}
        controller.ask("m1", "clean", clean_steps=[remove], disable_ramdisk=True)
        controller.wait_for("m1", "manageable", timeout_s=60)
        assert controller.node("m1").raid_config["logical_disks"] == []
    assert lab.client().get("Systems/1/Storage/RAID.1/Volumes")["Members"] == []


def test_a_service_makes_volumes_of_its_argument_and_what_cannot_be_is_told(
    lab: RedfishLab, tmp_path: Path
) -> None:
    lab.machine.drives = 3
    lab.machine.power_on()
    with running_controller(tmp_path, **DEFAULTS) as controller:
        enrol(controller, lab, "redfish", state="active")
        config = {"logical_disks": [{"raid_level": "5", "size_gb": "MAX"}]}
        make = {"interface": "raid", "step": "apply_configuration", "args": {"raid_config": config}}
        controller.ask("m1", "service", service_steps=[make], disable_ramdisk=True)
        controller.wait_for("m1", "active", timeout_s=60)
        node = controller.node("m1")
        assert [one["raid_level"] for one in node.raid_config["logical_disks"]] == ["5"]
        assert (node.target_raid_config, lab.machine.is_on, lab.machine.boots) == ({}, True, 1)
        controller.ask("m1", "service", service_steps=[make], disable_ramdisk=True)
        node = controller.wait_for("m1", "service failed", timeout_s=60)
    assert "; 2 is in use by the volume" in str(node.last_error)
    assert str(node.last_error).endswith("delete_existing; nothing was changed")
    assert f"BMC {lab.bmc.url}: RAID, apply_configuration: RAID.1: logical_disks[0]" in str(
        node.last_error
    )
    assert [one["raid_level"] for one in node.raid_config["logical_disks"]] == ["5"]


def test_another_controller_goes_on_with_a_volume(lab: RedfishLab, tmp_path: Path) -> None:
    lab.bmc.set_faults(RedfishFaults(task_s=5.0))
    wanted = {"logical_disks": [{"raid_level": "1", "size_gb": 3}]}
    with running_controller(tmp_path, **DEFAULTS) as first:
        enrol(first, lab, "redfish", wanted)
        make = {"interface": "raid", "step": "create_configuration"}
        first.ask("m1", "clean", clean_steps=[make], disable_ramdisk=True)
        wait_until(lambda: "Running" in _phase(first), 20, "the task")
    with running_controller(tmp_path, **DEFAULTS) as second:
        second.wait_for("m1", "manageable", timeout_s=60)
        (one,) = second.node("m1").raid_config["logical_disks"]
        assert one["physical_disks"] == ["0", "1"]
    assert len(lab.client().get("Systems/1/Storage/RAID.1/Volumes")["Members"]) == 1


def test_a_volume_whose_job_hangs_fails_the_step_when_nothing_moves(
    lab: RedfishLab, tmp_path: Path
) -> None:
    lab.bmc.set_faults(RedfishFaults(task_s=10_000.0))
    wanted = {"logical_disks": [{"raid_level": "1", "size_gb": 3}]}
    with running_controller(tmp_path, **DEFAULTS, clean_step_timeout_s=3.0) as controller:
        enrol(controller, lab, "redfish", wanted)
        make = {"interface": "raid", "step": "create_configuration"}
        controller.ask("m1", "clean", clean_steps=[make], disable_ramdisk=True)
        node = controller.wait_for("m1", "clean failed", timeout_s=60)
    assert "is still running at the BMC and has not moved for 3 s" in str(node.last_error)


@pytest.mark.parametrize(("verb", "state"), [("clean", "manageable"), ("service", "active")])
def test_another_controller_goes_on_with_an_update_through_a_silence(
    lab: RedfishLab, tmp_path: Path, verb: str, state: str
) -> None:
    url = lab.http.publish("bmc.bin", firmware_image("BMC", "2.7.0"))
    lab.bmc.set_faults(RedfishFaults(silent_after_update_s=6.0, forgets_tasks=True))
    with running_controller(tmp_path, **DEFAULTS) as first:
        enrol(first, lab, "redfish", state=state)
        steps = [step("firmware", "update", [{"component": "bmc", "url": url}])]
        first.ask("m1", verb, **{f"{verb}_steps": steps}, disable_ramdisk=True)
        wait_until(lambda: "for " in _phase(first), 20, "the silence")
    with running_controller(tmp_path, **DEFAULTS) as second:
        second.wait_for("m1", state, timeout_s=60)
        assert f"{verb} step update: bmc: 2.0.0 -> 2.7.0" in told(second)


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


@pytest.mark.parametrize("override", ["management.verify_bmc_clock:1", ""])
def test_the_clock_is_set_when_the_node_is_verified_if_the_operator_wants_it(
    lab: RedfishLab, tmp_path: Path, override: str
) -> None:
    bmc = RedfishDriver().connect(driver_info(lab))
    bmc.set_clock("2001-01-01T00:00:00+00:00", timeout_s=10)
    with running_controller(
        tmp_path, verify_step_priority_override=override, **DEFAULTS
    ) as controller:
        enrol(controller, lab, "redfish", state="enroll")
        controller.ask("m1", "manage")
        controller.wait_for("m1", "manageable")
        said = told(controller)
    is_wanted = bool(override)
    assert any("verify step verify_bmc_clock ended" in one for one in said) is is_wanted
    assert bmc.clock_is_right(timeout_s=10) is is_wanted


def test_an_idrac_is_restarted_and_its_jobs_are_deleted_when_its_node_is_verified(
    lab: RedfishLab, tmp_path: Path
) -> None:
    lab.bmc.set_faults(RedfishFaults(is_dell=True, silent_after_update_s=3, tasks=True))
    settings: dict[str, Any] = {
        "verify_step_priority_override": "management.known_good_state:10",
        "bmc_timeout_s": 2.0,
        **DEFAULTS,
    }
    lab.machine.power_on()
    with running_controller(tmp_path, **settings) as controller:
        enrol(controller, lab, "idrac", state="enroll")
        bmc = RedfishDriver().connect(driver_info(lab))
        bmc.reset(timeout_s=10)  # makes a task
        tasks = RedfishFirmware(Settings()).connect(driver_info(lab)).tasks
        assert tasks(timeout_s=10)
        controller.ask("m1", "manage")
        controller.wait_for("m1", "manageable", timeout_s=60)
        (said,) = [one for one in told(controller) if "known_good_state" in one]
    assert "the iDRAC answers again after" in said
    assert not tasks(timeout_s=10)


def test_a_bmc_that_is_no_idrac_says_so(lab: RedfishLab, tmp_path: Path) -> None:
    override = "management.clear_job_queue:10"
    with running_controller(
        tmp_path, verify_step_priority_override=override, **DEFAULTS
    ) as controller:
        enrol(controller, lab, "idrac", state="enroll")
        controller.ask("m1", "manage")
        wait_until(lambda: controller.node("m1").last_error is not None, 20, "the failure")
        error = str(controller.wait_for("m1", "enroll").last_error)
    assert "verify step clear_job_queue: BMC" in error
    assert "does not offer a job queue by Redfish; look whether it is an iDRAC 9" in error
