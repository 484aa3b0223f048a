"""Consoles' ports are of the range, and nobody gets the number that another node's console has had."""

from hypothesis import given
from hypothesis import strategies as st

from controller.consoles.port_numbers import PortNumbers, PortRange

_PORTS = PortRange(address="127.0.0.1", first=10000, last=10004)
_UUIDS = st.sampled_from([f"node-{number}" for number in range(4)])


@given(st.lists(st.tuples(_UUIDS, st.none() | st.integers(1, 65535) | st.integers(10000, 10004))))
def test_a_number_is_of_the_range_and_stays_one_nodes(
    wishes: list[tuple[str, int | None]],
) -> None:
    numbers, had = PortNumbers(_PORTS), dict[str, int]()
    for uuid, asked in wishes:
        number = next(numbers.candidates(uuid, asked, ()))
        numbers.give(uuid, number)
        assert number in _PORTS
        assert number not in {one for whose, one in had.items() if whose != uuid}
        assert asked is None or (number == asked) == (
            10000 <= asked <= 10004 and asked not in {v for k, v in had.items() if k != uuid}
        )
        assert asked is not None or number == had.get(uuid, number)
        had[uuid] = number


def test_a_usual_number_is_kept_before_somebody_can_ask_for_it() -> None:
    usual = next(PortNumbers(_PORTS).candidates("red", None, ()))
    numbers = PortNumbers(_PORTS)
    numbers.reserve(["red"])
    assert "has had it" in str(numbers.why_not("blue", usual))
    assert usual != next(numbers.candidates("blue", usual, ()))
    numbers.forget({"red"})
    assert next(numbers.candidates("blue", usual, ())) == usual


def test_where_all_are_kept_the_first_one_that_is_not_open_goes_to_somebody_else() -> None:
    numbers = PortNumbers(_PORTS)
    for place in range(5):
        numbers.give(f"old-{place}", 10000 + place)
    assert list(numbers.candidates("new", 10003, {10000})) == [10001, 10002, 10003, 10004]


def test_a_number_beyond_the_range_is_told() -> None:
    for number in (22, 9999, 10005, 65535):
        assert "10000:10004" in str(PortNumbers(_PORTS).why_not("red", number))
