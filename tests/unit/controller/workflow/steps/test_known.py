"""What is known of a node's steps: the agent's answer, its copy in the node, and the rules of the settings."""

from typing import Any

import pytest

from controller.errors import SettingsError, StepFailed
from controller.hardware.steps import Argument, Kind, Where
from controller.load_settings import load_settings
from controller.settings import Settings
from controller.store.tables import Node
from controller.workflow.steps.known import (
    read_offer,
    remember_offer,
    remembered_offer,
    rules_of,
)

ANSWER = {
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
            {
                "step": "burnin_cpu",
                "priority": 0,
                "interface": "deploy",
                "reboot_requested": True,
                "abortable": None,
                "argsinfo": {"hours": {"description": "How long.", "required": True}},
            },
        ],
    },
}


def test_the_agents_answer_is_read_and_nonsense_is_named() -> None:
    erase, burn = read_offer(ANSWER, Kind.CLEAN)
    assert (erase.id, erase.priority, erase.abortable) == ("deploy.erase_devices", 10, True)
    assert (burn.abortable, burn.reboot_requested, burn.where) == (False, True, Where.AGENT)
    assert burn.argsinfo == {"hours": Argument(description="How long.", required=True)}
    for nonsense in (None, {}, {"clean_steps": [1]}, {"clean_steps": {"m": [{"step": "x"}]}}):
        with pytest.raises(StepFailed, match="cannot be read"):
            read_offer(nonsense, Kind.CLEAN)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([{"step": "x", "interface": "bios"}] * 501, "501 steps; at most 500"),
        ([{"step": "x" * 256, "interface": "bios"}], "256 characters in a name; at most 255"),
        ([{"step": "x", "interface": "b" * 256}], "256 characters in a name; at most 255"),
        (
            [{"step": "x", "interface": "b", "argsinfo": {str(n): {} for n in range(101)}}],
            "101 arguments of a step; at most 100",
        ),
        ([{"step": "x", "interface": "b", "argsinfo": {"a" * 256: {}}}], "256 characters"),
    ],
)
def test_an_offer_larger_than_that_of_any_machine_is_refused(
    steps: list[dict[str, Any]], words: str
) -> None:
    with pytest.raises(StepFailed, match=f"list of clean steps cannot be read: .*{words}"):
        read_offer({"clean_steps": {"m": steps}}, Kind.CLEAN)


def test_the_description_of_an_argument_is_kept_short() -> None:
    told = {"a": {"description": "http://user:geheim@web/ " + "x" * 60_000}}
    step = {"step": "x", "interface": "bios", "argsinfo": told}
    (read,) = read_offer({"clean_steps": {"m": [step]}}, Kind.CLEAN)
    assert read.argsinfo is not None
    description = read.argsinfo["a"].description
    assert len(description) <= 2000
    assert "geheim" not in description


def test_an_agent_cannot_say_that_its_step_is_somebody_elses() -> None:
    step = {"step": "x", "interface": "bios", "priority": 1, "where": "bmc", "runs_as": "bmc"}
    (read,) = read_offer({"clean_steps": {"m": [step]}}, Kind.CLEAN)
    assert (read.where, read.runs_as, read.requires_ramdisk) == (Where.AGENT, "agent", True)


def test_an_offer_is_believed_as_long_as_the_ramdisk_is_the_same() -> None:
    node = Node(driver_info={"deploy_ramdisk": "one"}, driver_internal_info={})
    offer = read_offer(ANSWER, Kind.CLEAN)
    kept = remember_offer(node, Settings(), Kind.CLEAN, offer, 0.0)
    assert kept["agent_cached_clean_steps_refreshed"] == "1970-01-01T00:00:00"
    assert set(kept["agent_cached_clean_steps"]) == {"deploy"}
    node.driver_internal_info = kept
    assert remembered_offer(node, Settings(), Kind.CLEAN) == offer
    assert remembered_offer(node, Settings(), Kind.SERVICE) == ()
    node.driver_info = {"deploy_ramdisk": "two"}
    assert remembered_offer(node, Settings(), Kind.CLEAN) == ()


def test_settings_say_what_is_disallowed_and_which_priorities_are_others() -> None:
    settings = load_settings(
        'clean_step_priority_override = "deploy.erase_devices:30, raid.x:0"\n'
        'disallow_service_steps = "bios.a, bios.b"\n',
        {},
        {},
    )
    rules = rules_of(settings, Kind.CLEAN)
    assert rules.priorities == {
        "deploy.erase_devices": 30,
        "deploy.erase_devices_metadata": 10,
        "raid.x": 0,
    }
    assert rules.disallowed == {"vendor.send_raw"}
    service = rules_of(settings, Kind.SERVICE)
    assert service.disallowed == {"bios.a", "bios.b"}
    assert not service.priorities
    assert service.disallowed_by == "disallow_service_steps"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('clean_step_priority_override = "erase:1"', "write interface.step:priority"),
        ('clean_step_priority_override = "deploy.erase:high"', "write interface.step:priority"),
        ('verify_step_priority_override = "clock:1"', "setting verify_step_priority_override has"),
        ('disallow_clean_steps = "erase"', "write interface.step, such as"),
    ],
)
def test_malformed_settings_are_refused_with_the_form(line: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load_settings(line, {}, {})
