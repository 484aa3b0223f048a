"""What a Redfish port has heard by LLDP becomes what the agent would have sent."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol.lldp import as_raw, from_raw, neighbour_of, parse_tlvs
from controller.bmc.redfish_neighbours import tlvs_of

HEARD = {
    "ChassisId": "00:1C:73:00:00:01",
    "ChassisIdSubtype": "MacAddr",
    "PortId": "Ethernet1/7",
    "PortIdSubtype": "IfName",
    "SystemName": "leaf1",
    "SystemDescription": "a switch",
    "ManagementAddressIPv4": "192.0.2.7",
    "ManagementAddressIPv6": "2001:db8::7",
}


def test_a_switch_is_told_with_all_that_it_said() -> None:
    assert parse_tlvs(tlvs_of(HEARD)) == {
        "switch_chassis_id": "00:1c:73:00:00:01",
        "switch_port_id": "Ethernet1/7",
        "switch_system_name": "leaf1",
        "switch_system_description": "a switch",
        "switch_mgmt_addresses": ["192.0.2.7", "2001:db8::7"],
    }
    link = neighbour_of(tlvs_of(HEARD))
    assert tuple(link) == ("00:1c:73:00:00:01", "Ethernet1/7", "leaf1")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"ChassisIdSubtype": "NetworkAddr", "ChassisId": "192.0.2.1"}, "192.0.2.1"),
        ({"ChassisIdSubtype": "ChassisComp", "ChassisId": "slot 1"}, "slot 1"),
        ({"ChassisIdSubtype": None}, "00:1c:73:00:00:01"),
        ({"ChassisIdSubtype": None, "ChassisId": "leaf1"}, "leaf1"),
        ({"ChassisIdSubtype": "MacAddr", "ChassisId": "leaf1"}, None),
        ({"ChassisIdSubtype": "NotTransmitted"}, None),
        ({"ChassisId": ""}, None),
    ],
)
def test_a_chassis_is_told_as_its_subtype_says(
    changes: dict[str, Any], expected: str | None
) -> None:
    assert parse_tlvs(tlvs_of({**HEARD, **changes})).get("switch_chassis_id") == expected


@pytest.mark.parametrize("nothing", [None, {}, [], "x", {"SystemName": "leaf1"}, {"PortId": 7}])
def test_a_port_that_has_heard_nothing_says_nothing(nothing: Any) -> None:
    assert tlvs_of(nothing) == ()


_WORDS = st.one_of(
    st.none(),
    st.text(max_size=400),
    st.sampled_from(["MacAddr", "NetworkAddr", "IfName", "::1", "02:00:00:00:00:01"]),
    st.integers(),
)


@given(st.dictionaries(st.sampled_from([*HEARD, "Oem"]), _WORDS))
def test_whatever_a_bmc_says_travels_and_is_read(said: dict[str, Any]) -> None:
    tlvs = tlvs_of(said)
    assert from_raw(as_raw(tlvs)) == tlvs
    parse_tlvs(tlvs)
