from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.workflow.vif_places import Place, choose_place


def port(
    uuid: str, *, boots: bool = True, vif: str | None = None, group: str | None = None
) -> Place:
    return Place(uuid=uuid, is_group=False, boots=boots, vif=vif, group=group)


def group(uuid: str, vif: str | None = None) -> Place:
    return Place(uuid=uuid, is_group=True, vif=vif)


@pytest.mark.parametrize(
    ("places", "chosen"),
    [
        ((), None),
        ((port("a", boots=False), port("b"), port("c")), "b"),
        ((port("a", vif="x"), port("b", boots=False)), "b"),
        ((port("a"), port("b", group="g"), group("g")), "g"),
        ((port("a"), group("empty")), "a"),
        ((port("a", group="g"), group("g", vif="x")), None),
        ((port("a", group="g", vif="x"), port("b", group="g"), group("g")), "b"),
    ],
)
def test_a_free_group_goes_before_a_port_and_one_that_boots_before_another(
    places: Sequence[Place], chosen: str | None
) -> None:
    found = choose_place(places)
    assert (None if found is None else found.uuid) == chosen


def test_only_the_place_that_was_asked_for_will_do() -> None:
    places = (port("a"), port("b"), port("c", group="g"), group("g"))
    for uuid, found in (("b", "b"), ("c", None), ("z", None)):
        place = choose_place(places, port=uuid)
        assert (None if place is None else place.uuid) == found
    assert choose_place(places, group="g") == group("g")
    assert choose_place(places, group="z") is None


_VIFS = st.sampled_from((None, None, "x"))
_PORTS = st.builds(
    lambda number, vif, boots, inside: port(f"p{number}", vif=vif, boots=boots, group=inside),
    st.integers(0, 9),
    _VIFS,
    st.booleans(),
    st.sampled_from((None, "g0", "g1")),
)
_GROUPS = st.builds(lambda number, vif: group(f"g{number}", vif), st.integers(0, 1), _VIFS)


@given(
    st.lists(_PORTS, max_size=5, unique_by=lambda one: one.uuid),
    st.lists(_GROUPS, max_size=2, unique_by=lambda one: one.uuid),
)
def test_no_place_is_used_twice_by_itself_or_by_its_group(
    ports: list[Place], groups: list[Place]
) -> None:
    found = choose_place([*ports, *groups])
    if found is None:
        return
    assert found.vif is None
    if found.is_group:
        assert not [one for one in ports if one.group == found.uuid and one.vif is not None]
    elif found.group is not None:
        taken = [one for one in groups if one.uuid == found.group and one.vif is not None]
        assert not taken
