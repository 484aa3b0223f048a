"""What the controller itself knows against a start by kexec."""

from typing import Any

import pytest

from controller.boot.switches import is_kexec
from controller.hardware.steps import Kind, PlannedStep, StepSpec, Where, planned
from controller.settings import Settings
from controller.store.tables import Node
from controller.workflow.kexec import kexec_obstacle
from controller.workflow.steps.core_steps import DIRECT_DEPLOY_STEPS
from controller.workflow.steps.course import Course

SETTINGS = Settings(kexec=True)
CORE = tuple(planned(step) for step in DIRECT_DEPLOY_STEPS)


def bmc_step(priority: int) -> PlannedStep:
    return planned(
        StepSpec(
            step="apply_configuration",
            interface="bios",
            kind=Kind.DEPLOY,
            priority=priority,
            abortable=True,
            where=Where.BMC,
            runs_as="bmc",
        )
    )


def why(*more: PlannedStep, **columns: Any) -> str | None:
    values: dict[str, Any] = {"instance_info": {}, "properties": {}, "boot_mode": "uefi", **columns}
    steps = sorted([*CORE, *more], key=lambda step: -step.priority)
    at = next(number for number, step in enumerate(steps) if step.runs_as == "tear_down_agent")
    course = Course(kind=Kind.DEPLOY, steps=tuple(steps), index=at, ended=at - 1)
    return kexec_obstacle(Node(**values), SETTINGS, course)


def test_an_ordinary_deployment_may_end_so() -> None:
    assert why() is None


@pytest.mark.parametrize("source", ["instance_info", "properties"])
@pytest.mark.parametrize("word", ["True", "y", "t", "on"])
def test_secure_boot_needs_the_firmware(source: str, word: str) -> None:
    wanted = {source: {"capabilities": f"boot_mode:uefi,secure_boot:{word}"}}
    assert "Secure Boot is wanted" in str(why(**wanted))
    assert why(**{source: {"capabilities": {"secure_boot": "false"}}}) is None


def test_another_firmware_mode_and_software_raid_need_it_too() -> None:
    assert "in bios mode, and uefi is wanted" in str(why(boot_mode="bios"))
    disks = [{"size_gb": "MAX", "raid_level": "1", "controller": "software"}]
    assert "software RAID" in str(why(raid_config={"logical_disks": disks}))


@pytest.mark.parametrize(
    ("priority", "reason"),
    [
        (150, None),  # before the ramdisk was booted
        (70, "apply_configuration has run, whose changes may need a boot"),
        (30, "apply_configuration runs while the machine is off"),
        (10, None),
    ],
)
def test_steps_of_a_bmc_count_by_when_they_run(priority: int, reason: str | None) -> None:
    found = why(bmc_step(priority))
    assert found == reason or (reason is not None and reason in str(found))


@pytest.mark.parametrize(
    ("own", "setting", "expected"),
    [(None, False, False), (None, True, True), ("true", False, True), ("no", True, False)],
)
def test_a_node_has_the_last_word(own: Any, setting: bool, expected: bool) -> None:
    assert is_kexec({"kexec": own}, Settings(kexec=setting)) is expected
