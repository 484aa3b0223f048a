from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import AgentError
from agent.hardware.erasing import EraseLevel, ErasePlan, EraseWish
from hardware_managers.ata.drive import parse_identify, parse_sanitize_status
from hardware_managers.ata.plan import plan_erasure
from tests.unit.fakes import disk
from tests.unit.hardware_managers.ata.words import (
    BLOCK,
    ENABLED,
    ENHANCED,
    EXPIRED,
    FROZEN,
    LOCKED,
    OVERWRITE,
    SANITIZE,
    SCRAMBLE,
    SUPPORTED,
    istdout,
)

DATA = Path(__file__).parents[3] / "data/hdparm"
DISK = replace(disk("/dev/sda"), is_rotational=True)
word = st.integers(0, 0xFFFF)


def plans(text: str, wish: EraseWish | None = None) -> tuple[ErasePlan, ...]:
    return plan_erasure(DISK, parse_identify(text), wish or EraseWish())


def test_a_drive_with_everything_offers_everything_the_thorough_first() -> None:
    text = istdout(
        w59=SANITIZE | SCRAMBLE | OVERWRITE | BLOCK, w128=SUPPORTED | ENHANCED, w89=0x8112, w90=0x03
    )
    found = plans(text)
    assert [plan.strength for plan in found] == [100, 90, 80, 60, 50]
    assert found[0].command == "hdparm --yes-i-know-what-i-am-doing --sanitize-block-erase /dev/sda"
    assert found[3].command == "hdparm --user-master u --security-erase-enhanced NULL /dev/sda"
    assert found[3].expected_s == 360  # 3 counts of two minutes
    assert found[4].expected_s == 120 * 0x112  # the long form of the word


@given(word, word, st.sampled_from([0, 1, 5400, 7200]))
def test_nothing_is_offered_that_is_not_announced(w59: int, w128: int, rotation: int) -> None:
    found = plans(istdout(w59=w59, w128=w128, rotation=rotation))
    sanitizes = w59 & SANITIZE and w59 != 0xFFFF
    count = (w59 & (SCRAMBLE | OVERWRITE | BLOCK)).bit_count() if sanitizes else 0
    secure = 0 if not w128 & SUPPORTED or w128 == 0xFFFF else 1 + bool(w128 & ENHANCED)
    assert len(found) == count + secure
    keys = [plan for plan in found if EraseLevel.DESTROY_KEYS in plan.levels]
    assert len(keys) == bool(sanitizes and w59 & SCRAMBLE)


@given(word, word, st.sampled_from([0, 1, 0x400, 0x401, 5400, 7200, 0xFFFE, 0xFFFF]), st.booleans())
def test_secure_erase_purges_rotating_drives_alone_and_the_normal_one_purges_nothing(
    w59: int, w128: int, rotation: int, kernel_says: bool
) -> None:
    drive = parse_identify(istdout(w59=w59, w128=w128, rotation=rotation))
    rotates = kernel_says and 0x401 <= rotation <= 0xFFFE
    for plan in plan_erasure(replace(DISK, is_rotational=kernel_says), drive, EraseWish()):
        if plan.method == "ATA secure erase":
            assert plan.levels == {EraseLevel.CLEAR}
        if plan.method == "ATA enhanced secure erase":
            assert (EraseLevel.PURGE in plan.levels) == rotates


@given(word)
def test_a_frozen_or_worn_out_drive_says_what_to_do(w128: int) -> None:
    for plan in plans(istdout(w128=w128)):
        if w128 & FROZEN:
            assert "firmware" in (plan.obstacle or "")
        elif w128 & EXPIRED:
            assert "cut its power" in (plan.obstacle or "")
        else:
            assert plan.obstacle is None  # locked or not: unlocking is tried first


def test_sanitize_commands_may_be_frozen_apart_from_security() -> None:
    state = parse_sanitize_status((DATA / "sanitize-status-frozen.txt").read_text())
    drive = parse_identify(istdout(w59=SANITIZE | BLOCK, w128=SUPPORTED))
    block, secure = plan_erasure(DISK, drive, EraseWish(), state)
    assert "next power cycle" in (block.obstacle or "")
    assert secure.obstacle is None


def test_what_is_switched_off_is_only_reported() -> None:
    found = plans(istdout(w128=SUPPORTED), EraseWish(use_ata=False))
    assert "agent_enable_ata_secure_erase" in (found[0].obstacle or "")


def test_the_states_of_a_sanitize_operation() -> None:
    done, running, failed = (
        parse_sanitize_status((DATA / f"sanitize-status-{name}.txt").read_text())
        for name in ("done", "running", "failed")
    )
    assert done.is_done
    assert not done.is_running
    assert running.is_running
    assert not running.is_done
    assert running.percent is not None
    assert round(running.percent) == 26
    assert failed.has_failed
    assert not failed.is_done


@given(st.text())
def test_other_texts_are_never_taken_for_an_answer(text: str) -> None:
    with pytest.raises(AgentError):
        parse_identify(text)
    with pytest.raises(AgentError):
        parse_sanitize_status(text.replace("State", ""))


def test_a_drive_that_answers_zeros_has_not_answered() -> None:
    with pytest.raises(AgentError, match="no IDENTIFY DEVICE data"):
        parse_identify("\n/dev/sda:\n" + "0000 " * 7 + "0000\n" + ("0000 " * 8 + "\n") * 31)


def test_what_the_drive_said_is_summed_up_for_the_evidence() -> None:
    text = parse_identify(istdout(w128=SUPPORTED | ENABLED | LOCKED)).summary()
    assert text.endswith("word 128 0x0007: security supported, password set, locked")
