from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import AgentError
from agent.hardware.erasing import EraseLevel
from hardware_managers.scsi.drive import is_announced, parse_sense
from hardware_managers.scsi.plan import BLOCK, CRYPTO, FORMAT, OVERWRITE, plan_erasure
from tests.unit.fakes import disk

DATA = Path(__file__).parents[3] / "data/sg3_utils"
DISK = disk("/dev/sda")
METHODS = (BLOCK, CRYPTO, OVERWRITE, FORMAT)


def hex_dump(data: bytes) -> str:
    rows = [data[i : i + 16] for i in range(0, len(data), 16)]
    return "\n".join(f" {16 * n:02x}     {row.hex(' ')}" for n, row in enumerate(rows)) + "\n"


def fixed(key: int, asc: int, ascq: int, progress: int | None = None) -> str:
    data = bytearray(18)
    data[0], data[2], data[7], data[12], data[13] = 0x70, key, 10, asc, ascq
    if progress is not None:
        data[15] = 0x80
        data[16:18] = progress.to_bytes(2, "big")
    return hex_dump(bytes(data))


@given(st.sets(st.sampled_from(METHODS)))
def test_what_is_announced_is_offered_and_nothing_else(announced: set[str]) -> None:
    plans = plan_erasure(DISK, announced)
    assert {plan.action for plan in plans} == announced
    for plan in plans:
        assert (EraseLevel.PURGE in plan.levels) == (plan.action != FORMAT)
        assert (EraseLevel.DESTROY_KEYS in plan.levels) == (plan.action == CRYPTO)


def test_the_commands_begin_at_once_and_return() -> None:
    commands = [plan.command for plan in plan_erasure(DISK, METHODS)]
    assert commands == [
        "sg_sanitize --quick --early --block /dev/sda",
        "sg_sanitize --quick --early --crypto /dev/sda",
        "sg_sanitize --quick --early --overwrite --zero --count=1 /dev/sda",
        "sg_format --format --security --quick --early /dev/sda",
    ]


def test_only_the_word_supported_is_an_announcement() -> None:
    assert not is_announced((DATA / "opcodes-not-available.txt").read_text())
    assert not is_announced("  Command is NOT supported\n")
    assert is_announced("  Command is supported [conforming to SCSI standard]\n")


def test_sense_data_say_how_far_an_operation_is_and_how_it_ended() -> None:
    running = parse_sense(fixed(2, 0x04, 0x1B, 0x8000))
    assert running.is_running
    assert running.percent == 50
    failed = parse_sense(fixed(3, 0x31, 0x03))
    assert failed.has_failed
    assert not failed.is_running
    idle = parse_sense(fixed(0, 0, 0))
    assert (idle.is_running, idle.has_failed, idle.percent) == (False, False, None)
    described = bytes([0x72, 2, 4, 0x1B, 0, 0, 0, 8, 2, 6, 0, 0, 0x80, 0x40, 0, 0])
    assert parse_sense(hex_dump(described)).percent == 25


@given(st.text())
def test_other_texts_are_no_sense_data(text: str) -> None:
    with pytest.raises(AgentError):
        parse_sense(text)


@given(st.binary(min_size=8, max_size=64))
def test_any_bytes_are_sense_data_or_refused(data: bytes) -> None:
    try:
        sense = parse_sense(hex_dump(data))
    except AgentError:
        assert data[0] & 0x7F not in range(0x70, 0x74)
    else:
        assert sense.percent is None or 0 <= sense.percent < 100
