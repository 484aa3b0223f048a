import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.boot.recognition import (
    Candidate,
    Evidence,
    Match,
    real_system_uuid,
    recognize,
    same_system_uuid,
)

USB = "02:00:00:00:00:01"
"""The address of the USB card by which every BMC of one make talks to its host."""
A1, A2, B1, B2 = (f"52:54:00:00:00:0{number}" for number in range(1, 5))
A = Candidate(uuid="a", macs=frozenset({A1}), system_uuid="12345678-1234-5678-9abc-def012345678")
B = Candidate(uuid="b", macs=frozenset({B1}), serial="CZ1234")


def evidence(*macs: str, **more: object) -> Evidence:
    return Evidence(macs=macs, **more)  # type: ignore[arg-type]


def test_any_card_of_a_machine_names_its_node_the_first_or_the_last_of_many() -> None:
    others = tuple(f"52:54:00:00:{number:02x}:ff" for number in range(200))
    for macs in ((A1, *others), (*others, A1)):
        assert recognize(evidence(*macs), [A]) == Match(uuid="a")


def test_a_machine_that_nothing_points_at_is_nobodys() -> None:
    assert recognize(evidence("52:54:00:99:99:99"), []) == Match(uuid=None)
    assert recognize(evidence(), []) == Match(uuid=None)


@pytest.mark.parametrize("has_own_card", [True, False])
def test_a_card_that_every_machine_has_does_not_decide(has_own_card: bool) -> None:
    with_usb = Candidate(uuid="a", macs=frozenset({USB, A1} if has_own_card else {USB}))
    match = recognize(evidence(USB, B1), [with_usb, B])
    assert match == (
        Match(uuid="b", others=("a",)) if has_own_card else Match(uuid=None, others=("a", "b"))
    )
    assert recognize(evidence(USB, B1, boot_mac=B1), [with_usb, B]).uuid == "b"
    assert recognize(evidence(USB, A1), [with_usb]).uuid == "a"


@pytest.mark.parametrize(
    ("more", "uuid_"),
    [
        ({"leased_mac": B1, "boot_mac": A1}, "b"),  # what DHCP knows counts more than what is said
        ({"boot_mac": A1}, "a"),
        ({"system_uuid": "78563412-3412-7856-9ABC-DEF012345678"}, "a"),
        ({"serial": "cz1234 "}, "b"),
        ({"serial": "To be filled by O.E.M."}, None),
        ({"node_uuid": "b"}, "b"),
        ({}, None),
    ],
)
def test_between_nodes_that_fit_equally_the_other_signs_decide(
    more: dict[str, str], uuid_: str | None
) -> None:
    assert recognize(evidence(A1, B1, **more), [A, B]).uuid == uuid_


def test_what_contradicts_itself_is_nobodys() -> None:
    with_bmc = Candidate(uuid="b", bmc_addresses=frozenset({"192.0.2.10"}))
    here = frozenset({"192.0.2.10"})
    assert recognize(evidence(A1, node_uuid="b"), [A, B]).uuid is None
    assert recognize(evidence(A1, node_uuid="unknown"), [A]) == Match(uuid=None, others=("a",))
    assert recognize(evidence(A1, bmc_addresses=here), [A, with_bmc]).uuid is None
    assert recognize(evidence(B2, bmc_addresses=here), [with_bmc]).uuid == "b"


def test_who_is_waited_for_decides_what_is_booted_and_nothing_else() -> None:
    awaited = Candidate(uuid="w", macs=frozenset({B1}), is_awaited=True)
    assert recognize(evidence(A1, B1), [A, awaited]).uuid is None
    assert recognize(evidence(A1, B1), [A, awaited], prefer_awaited=True).uuid == "w"


@given(st.uuids())
def test_both_orders_of_bytes_are_one_uuid(value: uuid.UUID) -> None:
    swapped = uuid.UUID(bytes=value.bytes_le)
    is_real = value.int not in (0, (1 << 128) - 1)
    assert same_system_uuid(str(value), str(swapped).upper()) is is_real
    assert not same_system_uuid(str(value), str(uuid.UUID(int=value.int ^ 1)))


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "none",
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "03000200-0400-0500-0006-000700080009",
        "00020003-0004-0005-0006-000700080009",
    ],
)
def test_a_uuid_that_many_boards_have_is_equal_to_none(text: str | None) -> None:
    assert not same_system_uuid(text, text)


@pytest.mark.parametrize(
    "text",
    [
        "12345678-1234-5678-9ABC-DEF012345678",
        "12345678123456789abcdef012345678",
        "{12345678-1234-5678-9abc-def012345678}",
        " 12345678-1234-5678-9abc-def012345678\n",
        "78563412-3412-7856-9abc-def012345678",
    ],
)
def test_a_uuid_is_known_in_each_of_its_usual_forms(text: str) -> None:
    assert same_system_uuid(text, A.system_uuid)


@pytest.mark.parametrize(
    "text",
    [
        "1234-5678-12345678-9abc-def012345678",
        "1-2345678-1234-5678-9abc-def01234567-8",
        "12345678-123456789abcdef012345678",
        "12345678--1234-5678-9abc-def012345678",
        "12345678 1234 5678 9abc def012345678",
        "{12345678-1234-5678-9abc-def012345678",
        "{{12345678-1234-5678-9abc-def012345678}}",
        "-" * 900_000 + "12345678123456789abcdef012345678",
    ],
)
def test_digits_that_are_grouped_otherwise_are_no_uuid(text: str) -> None:
    assert real_system_uuid(text) is None
    assert not same_system_uuid(text, A.system_uuid)
    assert not same_system_uuid(text, text)


@given(st.permutations([A, B]), st.sets(st.sampled_from([USB, A1, A2, B1, B2])))
def test_the_order_of_rows_changes_nothing(candidates: list[Candidate], macs: set[str]) -> None:
    shown = evidence(*sorted(macs))
    first, second = recognize(shown, candidates), recognize(shown, candidates[::-1])
    assert first.uuid == second.uuid
    assert set(first.others) == set(second.others)
