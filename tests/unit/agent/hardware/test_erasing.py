import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import CommandFailed, EraseError
from agent.hardware.devices import BlockDevice
from agent.hardware.erasing import (
    EraseEvidence,
    EraseLevel,
    EraseOffer,
    ErasePlan,
    EraseWish,
    best_first,
    unanswered,
    usable,
)
from agent.hardware.tools import StepTools
from tests.unit.fakes import disk

DISK = disk()


class Nobody:
    """An eraser that is never called."""

    def plans(self, disk: BlockDevice, wish: EraseWish) -> tuple[ErasePlan, ...]:
        raise NotImplementedError

    def erase(self, plan: ErasePlan, tools: StepTools) -> EraseEvidence:
        raise NotImplementedError


plans = st.builds(
    lambda levels, strength, obstacle: ErasePlan(
        disk=DISK,
        method=f"method {strength}",
        command="",
        levels=levels,
        strength=strength,
        obstacle=obstacle,
    ),
    st.frozensets(st.sampled_from(EraseLevel)),
    st.integers(0, 100),
    st.sampled_from([None, None, "frozen"]),
)
offers = st.lists(plans.map(lambda plan: EraseOffer("a manager", Nobody(), plan)), max_size=8)
wishes = st.builds(EraseWish, level=st.sampled_from(EraseLevel), after_failure=st.booleans())


@given(offers, wishes)
def test_never_is_a_weaker_or_a_blocked_plan_taken(
    found: list[EraseOffer], wish: EraseWish
) -> None:
    try:
        taken = usable(best_first(found, wish), wish)
    except EraseError:
        assert not [o for o in found if wish.level in o.plan.levels and o.plan.obstacle is None]
        return
    assert all(wish.level in offer.plan.levels for offer in taken)
    assert all(offer.plan.obstacle is None for offer in taken)


@given(offers, wishes)
def test_the_strongest_that_may_be_taken_is_taken(found: list[EraseOffer], wish: EraseWish) -> None:
    able = [
        offer.plan.strength
        for offer in found
        if wish.level in offer.plan.levels and offer.plan.obstacle is None
    ]
    if able:
        strengths = [o.plan.strength for o in usable(best_first(found, wish), wish)]
        assert strengths[0] == max(able)
        assert strengths == sorted(strengths, reverse=True)


@given(offers, wishes)
def test_every_offer_keeps_its_place_in_the_list(found: list[EraseOffer], wish: EraseWish) -> None:
    ordered = best_first(found, wish)
    assert sorted(map(id, ordered)) == sorted(map(id, found))
    assert best_first(ordered, wish) == ordered


def refusal(found: list[EraseOffer], wish: EraseWish) -> str | None:
    try:
        usable(found, wish)
    except EraseError as error:
        return str(error)
    return None


@given(offers.filter(bool), wishes)
def test_a_refusal_names_every_plan(found: list[EraseOffer], wish: EraseWish) -> None:
    text = refusal(found, wish)
    if text is not None:
        assert all(offer.plan.method in text for offer in found)
        assert str(wish.level) in text


def test_a_refusal_says_what_each_reaches_and_what_stands_against_it() -> None:
    weak = ErasePlan(
        disk=DISK,
        method="NVMe format, user data erase",
        command="",
        levels=frozenset({EraseLevel.CLEAR}),
        strength=50,
    )
    silent = unanswered(DISK, "ATA", CommandFailed("hdparm: exit status 5"))
    found = [EraseOffer("m", Nobody(), plan) for plan in (weak, silent)]
    with pytest.raises(EraseError) as raised:
        usable(found, EraseWish(level=EraseLevel.PURGE))
    assert str(raised.value) == (
        "cannot be erased at level purge: NVMe format, user data erase: reaches clear; ATA erasure: reaches no level and"
        " the drive does not say what it can do: hdparm: exit status 5"
    )
    with pytest.raises(EraseError, match="no hardware manager knows a way"):
        usable([], EraseWish())
