from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.errors import Invalid
from controller.switches.switchport import (
    Mode,
    Switchport,
    parse_switchport,
    read_switchport,
    vlan_ranges,
    vlan_words,
)

VLANS = st.integers(1, 4094)


@st.composite
def switchports(draw: st.DrawFn) -> Switchport:
    native = draw(VLANS)
    if draw(st.booleans()):
        return Switchport(mode=Mode.ACCESS, native_vlan=native)
    others = draw(st.sets(VLANS, min_size=1, max_size=30)) - {native}
    mode = draw(st.sampled_from((Mode.TRUNK, Mode.HYBRID)))
    allowed = tuple(sorted(others or {native % 4094 + 1}))
    return Switchport(mode=mode, native_vlan=native, allowed_vlans=allowed)


@given(switchports())
def test_what_is_written_is_read_again(one: Switchport) -> None:
    assert parse_switchport(str(one), "x") == one
    assert read_switchport(one.document(), "x") == one


@given(st.sets(VLANS, min_size=1))
def test_ranges_are_written_short_and_read_again(vlans: set[int]) -> None:
    assert set(vlan_ranges(vlan_words(vlans), "x")) == vlans


def test_ironics_forms_are_read() -> None:
    found = parse_switchport("trunk/native_vlan=1/allowed_vlans=100,200-202", "x")
    assert (found.native_vlan, found.allowed_vlans) == (1, (100, 200, 201, 202))
    assert str(found) == "trunk/native_vlan=1/allowed_vlans=100,200-202"
    given_ = {"mode": "hybrid", "native_vlan": 5, "allowed_vlans": [7, 5, 6]}
    assert read_switchport(given_, "x").allowed_vlans == (6, 7)


@pytest.mark.parametrize(
    "text",
    [
        *("", "access", "100", "access/100", "access/native_vlan=", "access/native_vlan=0"),
        *("access/native_vlan=4095", "access/native_vlan=1,2", "access/native_vlan=1-3"),
        *("access/native_vlan=5/allowed_vlans=6", "trunk/native_vlan=5", "port/native_vlan=5"),
        *("trunk/native_vlan=5/allowed_vlans=a", "access/native_vlan=5/native_vlan=6"),
        *("access/native_vlan=5/mtu=9000", "access/native_vlan=\N{ARABIC-INDIC DIGIT FIVE}"),
    ],
)
def test_a_text_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="setting x"):
        parse_switchport(text, "setting x")


@pytest.mark.parametrize(
    "value",
    [
        *(5, [], "access", {}, {"mode": "access"}, {"mode": "access", "native_vlan": "5"}),
        {"mode": "access", "native_vlan": True},
        {"mode": "access", "native_vlan": 5, "mtu": 9000},
        {"mode": "trunk", "native_vlan": 5, "allowed_vlans": "6"},
        {"mode": "trunk", "native_vlan": 5, "allowed_vlans": [6, None]},
        {"mode": ["access"], "native_vlan": 5},
        {"mode": "trunk", "native_vlan": [], "allowed_vlans": [[]]},
    ],
)
def test_an_object_of_another_form_is_refused(value: Any) -> None:
    with pytest.raises(Invalid, match=r"extra\.switchport"):
        read_switchport(value, "extra.switchport")
