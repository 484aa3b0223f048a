import random

from hypothesis import given
from hypothesis import strategies as st

from agent.disks.read_back import BLOCK_BYTES, judge, objection, plan_places

MIB = 1 << 20
block = st.binary(min_size=4, max_size=4)
pairs = st.lists(st.tuples(st.none() | block, st.none() | block), min_size=1, max_size=50)


@given(st.integers(0, 1 << 44), st.integers())
def test_places_are_on_the_disk_and_meet_both_its_ends(size: int, seed: int) -> None:
    places = plan_places(size, random.Random(seed))
    end = 0
    for start, length in places:
        assert start >= end
        assert start % BLOCK_BYTES == length % BLOCK_BYTES == 0
        end = start + length
    assert end <= size
    if size >= BLOCK_BYTES:
        assert places[0][0] == 0
        assert end == size // BLOCK_BYTES * BLOCK_BYTES


def test_a_large_disk_is_looked_at_in_the_same_number_of_places() -> None:
    assert len(plan_places(10 * MIB)) == len(plan_places(16 << 40)) == 64


@given(pairs, st.sampled_from(["zeros", "changed"]))
def test_what_is_still_there_is_never_accepted(
    seen: list[tuple[bytes | None, bytes | None]], expected: str
) -> None:
    found = judge(seen, expected)
    kinds = (found.zeros, found.changed, found.same, found.unknown, found.unreadable)
    assert sum(kinds) == found.blocks == len(seen)
    is_there = any(now is not None and any(now) and before in {None, now} for before, now in seen)
    if is_there:
        assert objection(found) is not None
    if any(now is None for _, now in seen):
        assert objection(found) is not None
    if expected == "zeros" and any(now is None or any(now) for _, now in seen):
        assert objection(found) is not None


def test_what_reads_as_zeros_or_otherwise_than_before_is_accepted() -> None:
    assert objection(judge([(b"abcd", bytes(4)), (None, bytes(4))], "zeros")) is None
    assert objection(judge([(b"abcd", b"wxyz"), (b"abcd", bytes(4))], "changed")) is None


def test_one_block_that_cannot_be_read_is_not_shown_to_be_erased() -> None:
    found = judge([(b"abcd", b"wxyz"), (b"abcd", None), (b"abcd", bytes(4))], "changed")
    assert "1 of 3 blocks that were looked at cannot be read" in (objection(found) or "")
