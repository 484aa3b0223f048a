"""Works that an older controller began go on where that is safe; the samples are what it kept (before decision 30)."""

from typing import Any

import msgspec
import pytest

from controller.errors import StepFailed
from controller.hardware.steps import Kind, StepSpec, Where
from controller.workflow.steps.core_steps import DIRECT_DEPLOY_STEPS
from controller.workflow.steps.course import Course, course_of
from controller.workflow.steps.planner import Rules, plan_steps, same_so_far

ERASE = {"step": "erase_devices_metadata", "interface": "deploy", "priority": 99, "abortable": True}
FLASH = {"step": "flash", "interface": "firmware", "priority": 50, "reboot_requested": True}
CORE = [
    {
        "step": "deploy",
        "interface": "deploy",
        "priority": 100,
        "abortable": True,
        "where": "controller",
    },
    {"step": "write_image", "interface": "deploy", "priority": 80, "abortable": True},
    {"step": "prepare_instance_boot", "interface": "deploy", "priority": 60, "where": "controller"},
    {"step": "tear_down_agent", "interface": "deploy", "priority": 40, "where": "controller"},
    {"step": "boot_instance", "interface": "deploy", "priority": 20, "where": "controller"},
]
"""``omit_defaults``: the agent's steps say not where they are carried out."""


def test_a_cleaning_goes_on_at_its_step() -> None:
    data = {
        "steps": [ERASE, FLASH],
        "index": 1,
        "version": {"generic_hardware_manager": "1"},
        "plans": 1,
        "step_started_at": 7.5,
        "order": {"name": "clean.execute_clean_step", "id": "x"},
    }
    course = course_of(data, "clean.step.watch")
    assert (course.step.title, course.step.reboot_requested) == ("clean step flash", True)
    assert (course.is_automatic, course.ended, course.begun_at, course.following) == (
        True,
        0,
        7.5,
        None,
    )
    assert [step.id for step in course.done] == ["deploy.erase_devices_metadata"]
    assert course_of(course.data()) == course


def test_a_deployment_goes_on_with_the_core_steps_of_this_version() -> None:
    data = {"steps": CORE, "index": 2, "plans": 1, "version": None, "uuids": {}}
    course = course_of(data, "deploy.boot_from_disk")
    assert [step.runs_as for step in course.steps] == [step.runs_as for step in DIRECT_DEPLOY_STEPS]
    assert course.step.where is Where.CONTROLLER
    assert course.following is not None
    assert course.following.step == "tear_down_agent"


@pytest.mark.parametrize("kind", [Kind.CLEAN, Kind.DEPLOY])
def test_what_waited_for_the_boot_is_planned_then(kind: Kind) -> None:
    course = course_of({"step_started_at": 1.0}, f"{kind}.plan")
    offer = StepSpec(step="erase", interface="deploy", kind=kind, priority=90)
    rules = Rules(core=DIRECT_DEPLOY_STEPS)
    plan = plan_steps(kind, (offer,), None if kind is Kind.CLEAN else (), rules)
    assert same_so_far(course.done, plan) == len(course.steps)
    assert course.is_automatic is (kind is Kind.CLEAN)


@pytest.mark.parametrize(
    ("data", "stage"),
    [
        ({}, "deploy.plan"),
        ({"steps": [ERASE], "index": 1}, "clean.next"),
        ({"steps": [{**ERASE, "where": "bmc"}], "index": 0}, "clean.next"),
        ({"steps": [{"step": 1}], "index": 0}, "clean.next"),
        ({"steps": 1, "index": 0}, "clean.next"),
        ({}, "service.next"),
        ({}, ""),
        ({"course": {"kind": "paint"}}, "clean.next"),
    ],
)
def test_what_is_not_understood_ends_with_a_sentence(data: dict[str, Any], stage: str) -> None:
    with pytest.raises(StepFailed, match="planned by another version of the controller"):
        course_of(data, stage)


def test_a_course_with_fields_of_a_newer_version_is_read() -> None:
    course = Course(kind=Kind.CLEAN, index=-1)
    data = {"course": {**msgspec.to_builtins(course), "colour": "red"}}
    assert course_of(data) == course
