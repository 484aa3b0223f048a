from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.errors import Invalid, StepFailed
from controller.workflow.plan import (
    AGENT,
    PlannedStep,
    offered_steps,
    plan_cleaning,
    plan_deployment,
)


def step(name: str, priority: int, interface: str = "deploy") -> PlannedStep:
    return PlannedStep(step=name, interface=interface, priority=priority)


def names(plan: tuple[PlannedStep, ...]) -> list[str]:
    return [step.step for step in plan]


def test_a_plain_deployment_takes_the_core_steps_in_ironics_order() -> None:
    assert [(s.step, s.priority) for s in plan_deployment([], [])] == [
        ("deploy", 100),
        ("write_image", 80),
        ("prepare_instance_boot", 60),
        ("tear_down_agent", 40),
        ("boot_instance", 20),
    ]


def test_in_band_steps_are_merged_where_the_agent_runs() -> None:
    offered = [step("inject_files", 70), step("too_late", 30), step("too_early", 110)]
    assert names(plan_deployment([*offered, step("off", 0)], [])) == [
        "deploy",
        "write_image",
        "inject_files",
        "prepare_instance_boot",
        "tear_down_agent",
        "boot_instance",
    ]


def test_the_agents_own_write_image_does_not_replace_the_core_step() -> None:
    plan = plan_deployment([step("write_image", 0)], [])
    assert names(plan).count("write_image") == 1
    assert next(s for s in plan if s.step == "write_image").where == AGENT


def test_wishes_take_an_offered_step_with_their_priority_and_arguments() -> None:
    wish = {"interface": "raid", "step": "apply", "priority": 90, "args": {"x": 1}}
    plan = plan_deployment([step("apply", 0, "raid")], [wish])
    assert names(plan)[1] == "apply"
    assert plan[1].args == {"x": 1}


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (
            {"interface": "raid", "step": "none", "priority": 90, "args": {}},
            "offers no deploy step",
        ),
        ({"interface": "deploy", "step": "deploy", "priority": 90, "args": {}}, "every deployment"),
        ({"interface": "raid", "step": "apply", "priority": 20, "args": {}}, "99 to 41 only"),
    ],
)
def test_impossible_wishes_are_refused(wish: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        plan_deployment([step("apply", 0, "raid")], [wish])


def test_cleaning_follows_the_operators_priorities() -> None:
    offered = [step("erase_devices", 10), step("erase_devices_metadata", 99), step("other", 20)]
    plan = plan_cleaning(offered, {"erase_devices": 0, "erase_devices_metadata": 10})
    assert names(plan) == ["other", "erase_devices_metadata"]


def test_equal_priorities_go_by_interface() -> None:
    offered = [step("a", 5, "raid"), step("b", 5, "deploy"), step("c", 5, "power")]
    assert names(plan_cleaning(offered, {})) == ["c", "b", "a"]


def test_a_step_that_two_managers_offer_is_taken_once() -> None:
    assert [s.priority for s in plan_cleaning([step("a", 5), step("a", 9)], {})] == [9]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 200))))
def test_a_plan_is_ordered_and_has_no_step_twice_or_switched_off(
    offers: list[tuple[str, int]],
) -> None:
    plan = plan_cleaning([step(name, priority) for name, priority in offers], {})
    priorities = [step.priority for step in plan]
    assert priorities == sorted(priorities, reverse=True)
    assert all(priority > 0 for priority in priorities)
    assert len({step.key for step in plan}) == len(plan)


def test_the_agents_answer_is_read_and_nonsense_is_named() -> None:
    answer = {
        "clean_steps": {
            "GenericHardwareManager": [
                {
                    "step": "erase_devices",
                    "priority": 10,
                    "interface": "deploy",
                    "reboot_requested": False,
                    "abortable": True,
                    "argsinfo": None,
                },
            ],
        },
    }
    (read,) = offered_steps(answer, "clean")
    assert (read.step, read.priority, read.abortable) == ("erase_devices", 10, True)
    for nonsense in (None, {}, {"clean_steps": [1]}, {"clean_steps": {"m": [{"step": "x"}]}}):
        with pytest.raises(StepFailed, match="cannot be read"):
            offered_steps(nonsense, "clean")
