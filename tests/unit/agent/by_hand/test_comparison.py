from hypothesis import given
from hypothesis import strategies as st

from agent.by_hand.comparison import first_difference


@given(st.binary(min_size=1, max_size=300), st.sets(st.integers(0, 299)))
def test_the_first_byte_that_differs_is_found(data: bytes, places: set[int]) -> None:
    changed = bytearray(data)
    inside = sorted(place for place in places if place < len(data))
    for place in inside:
        changed[place] ^= 0x80
    assert first_difference(bytes(changed), data) == (inside[0] if inside else None)
