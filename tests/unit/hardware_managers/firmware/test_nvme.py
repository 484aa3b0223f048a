"""Which slot a drive's firmware goes to."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import FirmwareError
from hardware_managers.firmware.nvme import Controller, active_slot, plan_commit, read_controller


def identify(**more: Any) -> str:
    told = {"fr": "1.0     ", "mn": "Drive ", "sn": " S1", "frmw": 0x16, "oacs": 0x14}
    return json.dumps(told | more)


def test_what_a_drive_tells_is_read() -> None:
    told = read_controller(identify())
    assert (told.version, told.model, told.serial, told.slots) == ("1.0", "Drive", "S1", 3)
    assert told.activates_at_once
    assert told.can_update
    assert not told.is_slot_1_read_only


@pytest.mark.parametrize(
    "answer", ["", "{}", "[]", "null", '{"fr": 1, "mn": 2, "sn": 3, "frmw": "x"}']
)
def test_an_answer_that_cannot_be_read_is_named(answer: str) -> None:
    with pytest.raises(FirmwareError, match="cannot be read"):
        read_controller(answer)
    with pytest.raises(FirmwareError, match="cannot be read"):
        active_slot(answer)


def test_the_slot_that_runs_stays_to_go_back_to() -> None:
    assert plan_commit(read_controller(identify()), running_slot=1).slot == 2
    assert plan_commit(read_controller(identify()), running_slot=2).slot == 1


def test_a_drive_without_firmware_commands_is_named() -> None:
    with pytest.raises(FirmwareError, match="takes no firmware"):
        plan_commit(read_controller(identify(oacs=0)), running_slot=1)


def test_a_drive_whose_only_slot_is_read_only_is_named() -> None:
    with pytest.raises(FirmwareError, match="none that can be written"):
        plan_commit(read_controller(identify(frmw=0b0000011)), running_slot=1)


@given(
    slots=st.integers(1, 7),
    is_fixed=st.booleans(),
    at_once=st.booleans(),
    running=st.integers(1, 7),
)
def test_no_plan_writes_what_is_read_only_or_runs_if_another_slot_is_free(
    *, slots: int, is_fixed: bool, at_once: bool, running: int
) -> None:
    controller = Controller(
        version="1",
        model="m",
        serial="s",
        slots=slots,
        is_slot_1_read_only=is_fixed,
        activates_at_once=at_once,
        can_update=True,
    )
    writable = set(range(2 if is_fixed else 1, slots + 1))
    if not writable:
        return
    plan = plan_commit(controller, running)
    assert plan.slot in writable
    assert plan.slot != running or writable == {running}
    assert plan.reboot_needed is not at_once
