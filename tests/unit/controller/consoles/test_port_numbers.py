"""Consoles' ports are of the range, and nobody gets the number that another node's console has had."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.consoles.number_file import NumberFile
from controller.consoles.port_numbers import PortNumbers, PortRange

_PORTS = PortRange(address="127.0.0.1", first=10000, last=10004)
_UUIDS = st.sampled_from([f"node-{number}" for number in range(4)])


@given(
    st.lists(
        st.tuples(_UUIDS, st.none() | st.integers(1, 65535) | st.integers(20000, 20009)),
        max_size=30,
    )
)
def test_a_number_is_of_the_range_and_stays_one_nodes(
    wishes: list[tuple[str, int | None]],
) -> None:
    ports = PortRange(address="127.0.0.1", first=20000, last=20019)
    numbers, had = PortNumbers(ports), dict[str, list[int]]()
    for uuid, asked in wishes:
        others = {one for whose, all_of in had.items() if whose != uuid for one in all_of}
        number = next(numbers.candidates(uuid, asked, ()))
        numbers.give(uuid, number)
        assert number in ports
        assert number not in others
        mine = had.get(uuid, [])
        assert asked is None or (number == asked) == (asked in ports and asked not in others)
        assert asked is not None or number == (mine or [number])[-1]
        had[uuid] = [*(one for one in mine if one != number), number][-4:]


def test_a_number_that_another_program_has_for_a_while_stays_its_nodes() -> None:
    numbers = PortNumbers(_PORTS)
    usual = next(numbers.candidates("red", None, ()))
    numbers.give("red", usual)
    after = PortNumbers(_PORTS, numbers.owners)
    _taken, free, *_more = after.candidates("red", None, ())
    after.give("red", free)
    stranger = next(
        uuid
        for uuid in (f"node-{n}" for n in range(1000))
        if next(PortNumbers(_PORTS).candidates(uuid, None, ())) == usual
    )
    after.reserve([stranger])
    assert usual not in list(after.candidates(stranger, usual, {free}))[:3]
    assert "has had it" in str(after.why_not(stranger, usual))
    assert list(after.candidates("red", None, ()))[:2] == [free, usual]


def test_a_node_that_asks_for_one_number_after_the_other_uses_up_no_range() -> None:
    numbers = PortNumbers(_PORTS)
    for number in (10000, 10001, 10002, 10003, 10004):
        numbers.give("red", number)
    assert list(numbers.owners) == [10001, 10002, 10003, 10004]
    numbers.give("blue", 10000)
    assert list(numbers.candidates("new", None, ())) == [10001, 10002, 10003, 10004, 10000]


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


def test_numbers_are_the_same_after_a_restart_whoever_comes_first(tmp_path: Path) -> None:
    file = NumberFile(tmp_path / "state" / "ports.json")
    numbers = PortNumbers(_PORTS, file.read())
    usual = next(numbers.candidates("red", None, ()))
    numbers.give("blue", usual)
    file.write(numbers.owners)
    again = PortNumbers(_PORTS, file.read())
    again.reserve(["red", "blue"])
    assert again.owners[usual] == "blue"
    assert next(again.candidates("red", usual, ())) != usual
    other = PortRange(address="127.0.0.1", first=20000, last=20004)
    assert PortNumbers(other, file.read()).owners == {}


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b'{"x": 1}', b"[" * 100_000])
def test_a_file_that_cannot_be_read_is_told_and_begins_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    path = tmp_path / "ports.json"
    path.write_bytes(content)
    assert NumberFile(path).read() == {}
    assert "begin anew" in caplog.text


def test_a_file_that_cannot_be_written_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "ports.json"
    path.mkdir()
    file = NumberFile(path)
    file.write({10000: "red"})
    file.write({10000: "red"})
    assert caplog.text.count("cannot be kept") == 1
