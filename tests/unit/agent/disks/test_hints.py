"""Root device hints follow Ironic's operators."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.disks.hints import matches, protects
from agent.errors import InvalidRequest
from agent.hardware.devices import BlockDevice
from agent.protocol.device_hints import HINT_NAMES, parse_hints
from agent.protocol.refusal import Refusal

GIB = 1 << 30
DISK = BlockDevice(
    path=Path("/dev/sda"),
    size_bytes=100 * GIB,
    logical_sector_bytes=512,
    physical_sector_bytes=4096,
    is_rotational=True,
    model="Samsung SSD 870",
    vendor="ATA",
    serial="S1",
    serials=("S1", "S1_LONG"),
    wwn="0x5000",
    wwns=("0x5000", "0x50001234"),
    hctl="0:0:0:0",
    transport="sata",
)


def holds(name: str, value: object, disk: BlockDevice = DISK) -> bool:
    (hint,) = parse_hints({name: value})
    return matches(hint, disk)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("size", 100, True),
        ("size", "100", True),
        ("size", 99, False),
        ("size", "= 60", True),
        ("size", "= 101", False),
        ("size", "== 100", True),
        ("size", "!= 100", False),
        ("size", ">= 100", True),
        ("size", "<= 100", True),
        ("size", "> 100", False),
        ("size", "< 101", True),
        ("size", "<or> 50 <or> 100", True),
        ("size", "<or> 50 <or> 60", False),
        ("size", "<range-in> [ 100 200 ]", True),
        ("size", "<range-in> ( 100 200 ]", False),
        ("size", "<range-in> [ 50 100 )", False),
        ("size", "<range-in> [50, 100]", True),
        ("model", "samsung ssd 870", True),
        ("model", "samsung", False),
        ("model", "<in> ssd", True),
        ("model", "<in> samsung ssd", True),
        ("model", "<in> hdd", False),
        ("model", "<all-in> 870 samsung", True),
        ("model", "<all-in> 870 intel", False),
        ("model", "s== Samsung SSD 870", True),
        ("model", "s!= Samsung SSD 870", False),
        ("model", "<or> intel <or> samsung ssd 870", True),
        ("vendor", "s>= ata", True),
        ("vendor", "s< b", True),
        ("vendor", "s> ata", False),
        ("vendor", "s<= ata", True),
        ("serial", "s1_long", True),
        ("serial", "s!= s1_long", False),
        ("serial", "s!= other", True),
        ("wwn", "0x50001234", True),
        ("name", "/dev/sda", True),
        ("name", "<or> /dev/sdb <or> /dev/sda", True),
        ("hctl", "0:0:0:0", True),
        ("tran", "sata", True),
        ("rotational", True, True),
        ("rotational", "yes", True),
        ("rotational", "False", False),
        ("by_path", "anything", False),
        ("by_path", "none", True),
        ("wwn_with_extension", "s!= anything", True),
        ("wwn_with_extension", "<in> on", True),
    ],
)
def test_a_hint_decides_as_ironic_does(name: str, value: object, expected: bool) -> None:
    assert holds(name, value) is expected


@pytest.mark.parametrize(
    ("hints", "named"),
    [
        ({"colour": "red"}, "'colour' is unknown"),
        ({"size": "big"}, "'size'.*no positive number of GiB"),
        ({"size": "0"}, "no positive number"),
        ({"size": "<in> 5"}, "compares text"),
        ({"size": "<range-in> 10 20"}, "wants"),
        ({"model": ""}, "is empty"),
        ({"model": "<or> a <or>"}, "a value is missing"),
        ({"model": "<in>"}, "a value is missing"),
        ({"rotational": "maybe"}, "neither true nor false"),
        ({"rotational": None}, "'rotational' is None; give true or false"),
        ({"wwn": 20480}, "'wwn' is 20480; give text"),
        ({"size": True}, "'size' is True; give a number of GiB or text"),
        ({"size": "nan"}, "no positive number"),
        ({"model": ">= big"}, "'big' is no number"),
        ({"model": "<range-in> [ a b ]"}, "'a' is no number"),
        ({"size": "<range-in> [ 20 10 ]"}, "ends before it begins"),
        ({"model": "s== a s== b"}, "s== stands twice"),
        ({"model": "s== >= 5"}, "begins with an operator"),
    ],
)
def test_a_wrong_hint_is_named(hints: dict[str, str], named: str) -> None:
    with pytest.raises(Refusal, match=named):
        parse_hints(hints)


@given(name=st.sampled_from(HINT_NAMES), text=st.text(max_size=40))
def test_any_text_is_either_understood_or_refused_by_name(name: str, text: str) -> None:
    try:
        (hint,) = parse_hints({name: text})
    except Refusal as error:
        message = str(error)
    else:
        assert matches(hint, DISK) in (True, False)
        return
    assert name in message


@given(low=st.integers(1, 500), high=st.integers(1, 500), gib=st.integers(1, 500))
def test_a_closed_range_is_the_same_as_two_comparisons(low: int, high: int, gib: int) -> None:
    disk = replace(DISK, size_bytes=gib * GIB)
    low, high = min(low, high), max(low, high)
    inside = holds("size", f"<range-in> [ {low} {high} ]", disk)
    assert inside == (holds("size", f">= {low}", disk) and holds("size", f"<= {high}", disk))


UNKNOWN_DISK = replace(DISK, transport=None, serial=None, serials=(), wwn=None, wwns=())


@pytest.mark.parametrize("name", ["tran", "serial", "wwn", "by_path"])
def test_what_a_disk_does_not_tell_protects_it_from_a_negation(name: str) -> None:
    assert protects(parse_hints({name: "s!= nvme"}), UNKNOWN_DISK)
    assert protects(parse_hints({name: "none"}), UNKNOWN_DISK)
    assert not protects(parse_hints({name: "nvme"}), UNKNOWN_DISK)


def test_a_disk_without_a_serial_number_or_wwn_is_not_chosen_by_them() -> None:
    assert not holds("serial", "s!= other", UNKNOWN_DISK)
    assert not holds("wwn", "none", UNKNOWN_DISK)


def test_a_number_that_a_disk_cannot_be_compared_with_is_an_error_where_disks_are_protected() -> (
    None
):
    with pytest.raises(
        InvalidRequest, match="model != 5 compares numbers, but model of /dev/sda is Sams"
    ):
        protects(parse_hints({"model": "!= 5"}), DISK)
    assert not protects(parse_hints({"model": "!= 5", "tran": "nvme"}), DISK)
    assert not holds("model", "!= 5")
