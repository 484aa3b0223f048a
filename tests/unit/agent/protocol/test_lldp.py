import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol.lldp import (
    LONGEST_FRAME_BYTES,
    as_raw,
    from_raw,
    neighbour_of,
    parse_tlvs,
    raw_of,
    tlvs_of_frame,
)
from tests.unit.agent.protocol.lldp_frames import MANDATORY, SWITCH, SWITCH_MAC, frame

_TLVS = st.lists(st.tuples(st.integers(1, 127), st.binary(max_size=511)), max_size=20)


def test_a_frame_is_split_into_its_tlvs_without_end_mark_and_padding() -> None:
    assert tlvs_of_frame(frame(SWITCH)) == SWITCH


def test_a_frame_inside_of_a_vlan_is_read_too() -> None:
    assert tlvs_of_frame(frame(MANDATORY, tag=b"\x81\x00\x00\x65")) == MANDATORY


@pytest.mark.parametrize(
    "bytes_on_the_wire",
    [
        b"",
        frame(MANDATORY)[:20],
        frame(MANDATORY).replace(b"\x88\xcc", b"\x08\x00"),
        frame(MANDATORY[1:]),
        frame((MANDATORY[1], MANDATORY[0], MANDATORY[2])),
        frame((*MANDATORY[:2], (3, b"\0\0"))),
        frame((*MANDATORY[:2], (3, b""))),
        frame(MANDATORY) + bytes(LONGEST_FRAME_BYTES),
    ],
    ids=["empty", "cut", "IPv4", "no chassis", "order", "goes away", "no time", "long"],
)
def test_what_is_no_neighbours_word_is_not_taken(bytes_on_the_wire: bytes) -> None:
    assert tlvs_of_frame(bytes_on_the_wire) == ()


def test_everything_that_a_switch_says_has_ironics_name() -> None:
    assert parse_tlvs(SWITCH) == {
        "switch_chassis_id": "02:00:5e:00:10:01",
        "switch_port_id": "Ethernet1/7",
        "switch_port_description": "node-17 port 0",
        "switch_system_name": "tor-a1",
        "switch_system_description": "NOS 4.2\nbuilt on a Tuesday",
        "switch_capabilities_support": ["Bridge", "Router"],
        "switch_capabilities_enabled": ["Bridge"],
        "switch_mgmt_addresses": ["192.0.2.1", "2001:db8::1"],
        "switch_port_untagged_vlan_id": 101,
        "switch_port_protocol_vlan_enabled": True,
        "switch_port_protocol_vlan_support": True,
        "switch_port_protocol_vlan_ids": [102],
        "switch_port_vlans": [{"name": "prov", "id": 101}, {"name": "data", "id": 102}],
        "switch_protocol_identities": ["888e"],
        "switch_port_management_vlan_id": 1,
        "switch_port_link_aggregation_enabled": True,
        "switch_port_link_aggregation_support": True,
        "switch_port_link_aggregation_id": 42,
        "switch_port_autonegotiation_enabled": True,
        "switch_port_autonegotiation_support": True,
        "switch_port_physical_capabilities": [
            "1000BASE-T fdx",
            "100BASE-TX fdx",
            "100BASE-TX hdx",
            "10BASE-T fdx",
            "10BASE-T hdx",
        ],
        "switch_port_mau_type": "1000BASE-T full duplex",
        "switch_port_mtu": 9200,
    }


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (1, b""),
        (1, b"\x04\x02\x00"),
        (1, b"\x05\x01\xc0\x00"),
        (1, b"\x09abc"),
        (5, b"\0\0"),
        (7, b"\x00"),
        (8, b"\xff\x01\xc0"),
        (127, b""),
        (127, b"\x00\x80\xc2"),
        (127, b"\x00\x80\xc2\x03\x00\x65\xffshort"),
        (127, b"\x00\x80\xc2\x04\x09\x01"),
        (127, b"\x00\x12\x0f\x01\x03"),
    ],
)
def test_a_malformed_tlv_says_nothing(kind: int, value: bytes) -> None:
    assert parse_tlvs([(kind, value)]) == {}


def test_of_two_names_the_first_counts_and_control_characters_do_not_reach_a_terminal() -> None:
    parsed = parse_tlvs([(5, b"tor\x1b[31m-a"), (5, b"other")])
    assert parsed == {"switch_system_name": "tor\N{REPLACEMENT CHARACTER}[31m-a"}


def test_local_link_connection_takes_a_chassis_by_its_mac_address_only() -> None:
    assert neighbour_of(SWITCH) == ("02:00:5e:00:10:01", "Ethernet1/7", "tor-a1")
    named = ((1, b"\x07rack 7"), (2, b"\x03" + SWITCH_MAC), MANDATORY[2])
    assert neighbour_of(named) == (None, "02:00:5e:00:10:01", None)


def test_the_interfaces_of_the_inventory_serve_where_lldp_raw_says_nothing() -> None:
    interfaces = [{"name": "eth0", "lldp": as_raw(SWITCH)}, {"name": "eth1", "lldp": []}]
    assert raw_of({"lldp_raw": {"eth0": [], "eth2": as_raw(MANDATORY)}}, interfaces) == {
        "eth0": SWITCH,
        "eth2": MANDATORY,
    }


@pytest.mark.parametrize(
    "raw", [None, 7, "0401", [1], [[1]], [["1", "00"]], [[1, 2]], [[1, "zz"]], [[1, "0" * 2000]]]
)
def test_raw_data_of_another_shape_is_left_out(raw: object) -> None:
    assert from_raw(raw) == ()


@given(_TLVS)
def test_raw_tlvs_survive_their_journey(tlvs: list[tuple[int, bytes]]) -> None:
    assert from_raw(as_raw(tlvs)) == tuple(tlvs)


@given(st.lists(st.tuples(st.integers(4, 127), st.binary(max_size=100)), max_size=10))
def test_what_a_switch_puts_into_a_frame_comes_out_of_it(tlvs: list[tuple[int, bytes]]) -> None:
    assert tlvs_of_frame(frame((*MANDATORY, *tlvs))) == (*MANDATORY, *tlvs)


@given(st.binary(max_size=600))
def test_no_bytes_break_the_reader(noise: bytes) -> None:
    tlvs = tlvs_of_frame(frame(MANDATORY)[:-20] + noise)
    parse_tlvs(tlvs)
    neighbour_of(tlvs)
    tlvs_of_frame(noise)


@given(_TLVS, st.sampled_from([b"\x00\x80\xc2", b"\x00\x12\x0f"]), st.integers(0, 9))
def test_no_tlv_breaks_the_parser_or_swells(
    tlvs: list[tuple[int, bytes]], organization: bytes, subtype: int
) -> None:
    special = [(127, (organization + bytes([subtype]) + value)[:511]) for _, value in tlvs]
    parsed = parse_tlvs([*tlvs, *special])
    assert len(str(parsed)) <= 10 * sum(len(v) + 40 for _, v in (*tlvs, *special)) + 2000
