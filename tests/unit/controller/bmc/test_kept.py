"""What drivers remember is bounded, and what was used last stays."""

from dataclasses import dataclass
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from controller.bmc.kept import Kept, digest_of


@dataclass(frozen=True)
class Target:
    address: str
    password: str


@given(st.lists(st.integers(0, 9), max_size=40), st.integers(1, 5))
def test_the_last_that_were_used_are_kept(uses: list[int], most: int) -> None:
    kept: Kept[int, str] = Kept(most)
    for number in uses:
        assert kept.get_or_make(number, partial(str, number)) == str(number)
    last = list(dict.fromkeys(reversed(uses)))
    assert all(kept.get(number) == str(number) for number in reversed(last[:most]))
    assert all(kept.get(number) is None for number in last[most:])
    assert sorted(kept.clear()) == sorted(str(number) for number in last[:most])
    assert kept.clear() == []


def test_what_has_to_go_is_given_back() -> None:
    kept: Kept[str, int] = Kept(1)
    assert kept.put("a", 1) is None
    assert kept.put("a", 2) is None
    assert kept.put("b", 3) == 2
    assert kept.pop("b") == 3
    assert kept.pop("b") is None


@given(st.tuples(st.text(), st.text()), st.tuples(st.text(), st.text()))
def test_a_digest_is_the_same_for_equal_targets_alone(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert (digest_of(Target(*one)) == digest_of(Target(*other))) == (one == other)
