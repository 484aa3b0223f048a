from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from agent.errors import InvalidRequest, NotFound, PluginError
from agent.hardware.capabilities import Phase, Step, Support
from agent.hardware.registry import rank
from agent.hardware.steps import Subject, describe_steps, find_step, offered_steps
from agent.protocol.steps import ArgInfo, StepRequest
from tests.unit.fakes import manager, step

NOBODY = Subject()


def test_steps_travel_in_ironics_shape() -> None:
    erase = step("erase_devices_metadata", {Phase.CLEAN: 99, Phase.DEPLOY: 0})
    managers = [manager("generic", steps=[erase]), manager("other")]
    assert msgspec.to_builtins(describe_steps(managers, Phase.CLEAN, NOBODY)) == {
        "generic": [
            {
                "step": "erase_devices_metadata",
                "priority": 99,
                "interface": "deploy",
                "reboot_requested": False,
                "abortable": True,
            }
        ]
    }
    (deploy,) = describe_steps(managers, Phase.DEPLOY, NOBODY)["generic"]
    assert (deploy.priority, deploy.abortable) == (0, None)
    assert describe_steps(managers, Phase.SERVICE, NOBODY) == {}


def winner(*offers: tuple[str, Support, int]) -> str:
    managers = rank(
        manager(name, support, [step("x", {Phase.CLEAN: priority})])
        for name, support, priority in offers
    )
    ((found, _),) = offered_steps(managers, Phase.CLEAN, NOBODY)
    return found.name


def test_of_two_equal_steps_support_wins_then_priority_then_the_name() -> None:
    assert winner(("a", Support.GENERIC, 99), ("b", Support.MAINLINE, 1)) == "b"
    assert winner(("a", Support.GENERIC, 1), ("b", Support.GENERIC, 2)) == "b"
    assert winner(("b", Support.GENERIC, 1), ("a", Support.GENERIC, 1)) == "a"


def test_the_same_name_in_two_interfaces_is_two_steps() -> None:
    both = [step("x", {Phase.CLEAN: 1}), step("x", {Phase.CLEAN: 1}, interface="raid")]
    assert len(offered_steps([manager(steps=both)], Phase.CLEAN, NOBODY)) == 2


def test_a_step_is_found_by_interface_and_name() -> None:
    wanted = step("x", {Phase.CLEAN: 1}, interface="raid")
    managers = [manager(steps=[step("x", {Phase.CLEAN: 1}), wanted])]
    assert (
        find_step(managers, Phase.CLEAN, StepRequest(step="x", interface="raid"), NOBODY) is wanted
    )


def test_a_step_of_another_phase_is_not_found_and_the_message_lists_what_is() -> None:
    managers = [manager(steps=[step("x", {Phase.CLEAN: 1}), step("y", {Phase.DEPLOY: 1})])]
    with pytest.raises(NotFound, match=r"the deploy step deploy\.x; offered: deploy\.y"):
        find_step(managers, Phase.DEPLOY, StepRequest(step="x"), NOBODY)


def test_arguments_are_checked_where_a_step_declares_them() -> None:
    declared = replace(
        step("x", {Phase.CLEAN: 1}),
        args={"disk": ArgInfo(description="", required=True), "mode": ArgInfo(description="")},
    )
    managers = [manager(steps=[declared])]
    for args, complaint in (
        ({}, "argument disk is required"),
        ({"disk": 1, "speed": 2}, "unknown argument speed; known: disk, mode"),
    ):
        with pytest.raises(InvalidRequest, match=complaint):
            find_step(managers, Phase.CLEAN, StepRequest(step="x", args=args), NOBODY)
    assert (
        find_step(managers, Phase.CLEAN, StepRequest(step="x", args={"disk": 1}), NOBODY)
        is declared
    )


def test_steps_may_depend_on_the_node_and_its_ports() -> None:
    def steps(node: Mapping[str, Any], ports: Sequence[Mapping[str, Any]]) -> tuple[Step, ...]:
        name = "benchmark" if node.get("properties", {}).get("tested") else "burn_in"
        return (step(name, {Phase.CLEAN: len(ports)}),)

    managers = [replace(manager(), steps=steps)]
    subject = Subject({"properties": {"tested": True}}, ({"address": "x"},))
    ((_, benchmark),) = offered_steps(managers, Phase.CLEAN, subject)
    assert (benchmark.name, benchmark.priorities[Phase.CLEAN]) == ("benchmark", 1)
    ((_, burn_in),) = offered_steps(managers, Phase.CLEAN, NOBODY)
    assert burn_in.name == "burn_in"


def test_a_manager_that_cannot_say_its_steps_is_named() -> None:
    def wrong(node: Mapping[str, Any], _ports: Sequence[Mapping[str, Any]]) -> tuple[Step, ...]:
        return (step(node["extra"]["step"], {Phase.CLEAN: 1}),)

    def twice(_node: Mapping[str, Any], _ports: Sequence[Mapping[str, Any]]) -> tuple[Step, ...]:
        return (step("x", {Phase.CLEAN: 1}), step("x", {Phase.CLEAN: 2}))

    with pytest.raises(PluginError, match=r"acme failed to say which steps .*: KeyError: 'extra'"):
        offered_steps([replace(manager("acme"), steps=wrong)], Phase.CLEAN, NOBODY)
    with pytest.raises(PluginError, match=r"acme has two steps deploy\.x"):
        offered_steps([replace(manager("acme"), steps=twice)], Phase.CLEAN, NOBODY)
