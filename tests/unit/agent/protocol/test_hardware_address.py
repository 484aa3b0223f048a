import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol.hardware_address import infiniband_client_id, mac_of_bootif, normal_mac

INFINIBAND = "80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:1d:f4:b1"
GUID, SHORT = "00:02:c9:03:00:1d:f4:b1", "00:02:c9:1d:f4:b1"
OCTETS = st.binary(min_size=6, max_size=6)


def spellings(octets: bytes) -> list[str]:
    plain = octets.hex()
    dotted = ".".join(plain[start : start + 4] for start in range(0, 12, 4))
    found = [octets.hex(":"), octets.hex("-"), plain, dotted]
    return [*found, *(one.upper() for one in found), f"  {octets.hex(':')}\n"]


@given(OCTETS)
def test_every_spelling_is_the_same_address(octets: bytes) -> None:
    assert {normal_mac(text) for text in spellings(octets)} == {octets.hex(":")}
    assert {mac_of_bootif(text) for text in spellings(octets)} == {octets.hex(":")}


@given(OCTETS, st.sampled_from(["01", "20", "06"]))
def test_the_hardware_type_before_an_address_is_not_part_of_it(octets: bytes, kind: str) -> None:
    for written in (octets.hex("-"), octets.hex(":"), octets.hex()):
        assert mac_of_bootif(f"{kind}-{written}") == octets.hex(":")
    assert normal_mac(f"{kind}-{octets.hex('-')}") is None


@pytest.mark.parametrize("written", [INFINIBAND, GUID, SHORT, GUID.replace(":", "")])
def test_the_three_names_of_an_infiniband_card_are_one(written: str) -> None:
    assert normal_mac(written) == SHORT
    assert mac_of_bootif("20-" + written.replace(":", "-")) == SHORT


def test_an_infiniband_card_has_a_client_identifier_and_others_have_none() -> None:
    assert infiniband_client_id(INFINIBAND) == f"ff:00:00:00:00:00:02:00:00:02:c9:00:{GUID}"
    assert infiniband_client_id(SHORT) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "junk",
        "52:54:00:12:34",
        "52:54:00:12:34:5g",
        "52:54:00:12:34:56:78",
        "52:54-00:12:34:56",
        "525400.aabb03",
        "52" * 100,
        "1\u0660:54:00:12:34:56",
    ],
)
def test_what_is_none_is_none(text: str) -> None:
    assert normal_mac(text) is None


@given(st.text(max_size=80))
def test_whatever_comes_gives_an_address_or_nothing(text: str) -> None:
    mac = normal_mac(text)
    assert mac is None or normal_mac(mac) == mac
