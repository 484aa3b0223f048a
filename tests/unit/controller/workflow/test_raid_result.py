"""What the agent's RAID steps say stands is kept with the node, or the step has failed."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from controller.errors import StepFailed
from controller.workflow.raid_result import columns_of, has_software_raid, notes_of
from controller.workflow.stage import Context

CONTEXT = cast(
    "Context",
    SimpleNamespace(label="node n1", wall_now=0.0, node=SimpleNamespace(properties={"cpus": 4})),
)
STEP = {"interface": "raid", "step": "create_configuration"}
DISK = {"raid_level": "1", "size_gb": 8, "controller": "software"}


def result(told: Any, step: Any = STEP) -> dict[str, Any]:
    return {"clean_step": step, "clean_result": told}


def test_what_stands_is_kept_with_the_controllers_time() -> None:
    told = {"logical_disks": [DISK], "last_updated": "1999"}
    kept = columns_of(CONTEXT, "clean", result(told))["raid_config"]
    assert kept == {"logical_disks": [DISK], "last_updated": "1970-01-01T00:00:00"}
    assert has_software_raid(kept)


def test_an_agent_that_says_nothing_of_a_deletion_has_deleted_all() -> None:
    deleted = {"interface": "raid", "step": "delete_configuration"}
    kept = columns_of(CONTEXT, "clean", result(None, deleted))["raid_config"]
    assert kept["logical_disks"] == []
    assert not has_software_raid(kept)


@pytest.mark.parametrize("told", [[], "made", {"logical_disks": "x"}, {"logical_disks": [1]}, {}])
def test_a_success_that_names_no_logical_disks_is_a_failure(told: Any) -> None:
    with pytest.raises(StepFailed, match="node n1: the RAID step ended, but"):
        columns_of(CONTEXT, "clean", result(told))


@pytest.mark.parametrize(
    "other", [None, "x", {}, result({}, {"interface": "deploy", "step": "erase_devices"})]
)
def test_other_results_change_nothing(other: Any) -> None:
    assert columns_of(CONTEXT, "clean", other) == {}


def test_the_root_volume_of_a_raid_controller_becomes_the_root_device() -> None:
    root = {**DISK, "is_root_volume": True, "root_device_hint": {"wwn": "0x600605b0"}}
    kept = columns_of(CONTEXT, "clean", result({"logical_disks": [DISK, root]}))
    assert kept["properties"] == {"cpus": 4, "root_device": {"wwn": "0x600605b0"}}


@pytest.mark.parametrize("hint", [None, "sda", {}, {"wwn": 5}, {"sd": "a"}])
def test_a_root_volume_without_a_usable_hint_changes_no_properties(hint: Any) -> None:
    root = {**DISK, "is_root_volume": True, "root_device_hint": hint}
    assert "properties" not in columns_of(CONTEXT, "clean", result({"logical_disks": [root]}))


def test_two_root_volumes_name_no_root_device() -> None:
    root = {**DISK, "is_root_volume": True, "root_device_hint": {"wwn": "0x600605b0"}}
    assert "properties" not in columns_of(CONTEXT, "clean", result({"logical_disks": [root, root]}))


def test_what_an_agent_says_of_its_disks_is_kept_bounded_and_without_secrets() -> None:
    disk = {**DISK, "url": "http://user:geheim@web/", "password": "geheim", "note": "x" * 60_000}
    (kept,) = columns_of(CONTEXT, "clean", result({"logical_disks": [disk]}))["raid_config"][
        "logical_disks"
    ]
    assert "geheim" not in str(kept)
    assert len(kept["note"]) <= 1000
    many = {"logical_disks": [{"physical_disks": ["sda"] * 20_000}]}
    with pytest.raises(StepFailed, match="cannot be kept: it has more than 12800 parts"):
        columns_of(CONTEXT, "clean", result(many))


def test_a_program_that_did_not_answer_is_told_in_the_history() -> None:
    told = {"logical_disks": [DISK], "unanswered": {"storcli": "no end after 120 s\nof it"}}
    (note,) = notes_of(told)
    assert (note.severity, note.message) == (
        "WARNING",
        "RAID: storcli did not answer, so its logical disks are not known: no end after 120 s of it",
    )
    assert "unanswered" not in columns_of(CONTEXT, "clean", result(told))["raid_config"]


@pytest.mark.parametrize("told", [None, [], {"unanswered": "storcli"}, {"logical_disks": []}])
def test_a_report_that_names_nobody_makes_no_entry(told: Any) -> None:
    assert notes_of(told) == ()
