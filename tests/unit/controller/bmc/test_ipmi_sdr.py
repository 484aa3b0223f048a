"""Sensor records, readings and events of every kind, and of BMCs that answer anything at all."""

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.bmc.ipmi_calls import IpmiCalls
from controller.bmc.ipmi_repository import SdrCache
from controller.bmc.ipmi_sdr import SensorRecord, parse_record
from controller.bmc.ipmi_sel import parse_entry, read_log
from controller.bmc.ipmi_sensors import Reading, describe, parse_reading, read_sensors
from controller.bmc.ipmi_target import parse_target
from controller.errors import BmcError
from tests.lab.ipmi_records import LAB_SENSORS, LabSensor

_TARGET = parse_target({"ipmi_address": "192.0.2.10"})
_FULL_BYTES = 48


def sensor(**changes: object) -> SensorRecord:
    """Return the record of a sensor that a BMC describes so."""
    said: dict[str, object] = {"number": 5, "name": "Temp", "kind": 1, "unit": 1} | changes
    found = parse_record(LabSensor(**said).record(1))  # type: ignore[arg-type]
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("changes", "raw", "value"),
    [
        ({}, 200, 200.0),
        ({"data_format": 2}, 200, -56.0),
        ({"data_format": 2}, 0x80, -128.0),
        ({"data_format": 1}, 0xFE, -1.0),
        ({"data_format": 1}, 0xFF, 0.0),
        ({"m": 120}, 45, 5400.0),
        ({"m": -3}, 10, -30.0),
        ({"m": 511}, 1, 511.0),
        ({"m": -512}, 1, -512.0),
        ({"m": 63, "exponent": -3}, 190, 11.97),
        ({"b": 2, "b_exponent": 1, "m": 4}, 40, 180.0),
        ({"b": -5, "b_exponent": 2}, 7, -493.0),
        ({"exponent": -8}, 1, 1e-8),
        ({"linearization": 7, "m": 2}, 4, 0.125),
        ({"linearization": 8, "m": 3}, 2, 36.0),
        ({"linearization": 10}, 81, 9.0),
        ({"linearization": 11}, 27, 3.0),
        ({"linearization": 2}, 100, 2.0),
    ],
)
def test_a_raw_reading_becomes_the_value_of_36_3(
    changes: dict[str, object], raw: int, value: float
) -> None:
    assert sensor(**changes).value(raw) == pytest.approx(value)


@pytest.mark.parametrize(
    ("changes", "raw"),
    [
        ({"linearization": 1}, 0),
        ({"linearization": 7}, 0),
        ({"linearization": 10, "m": -1}, 3),
        ({"linearization": 4, "m": 511}, 255),
        ({"linearization": 5, "m": 511}, 255),
        ({"data_format": 3}, 1),
        ({"reading_type": 0x6F}, 1),
    ],
)
def test_what_cannot_be_computed_is_no_value(changes: dict[str, object], raw: int) -> None:
    assert sensor(**changes).value(raw) is None


@pytest.mark.parametrize(
    ("type_and_length", "data", "name"),
    [
        (0xC4, b"Fan1", "Fan1"),
        (0xC5, b"Fan1", "Fan1"),
        (0xC0, b"", "sensor"),
        (0xC4, b"\0\0\0\0", "sensor"),
        (0xC3, b"\xb0C!", "°C!"),
        (0x04, b"Fan1", "Fan1"),
        (0x42, b"\x12\xab", "12 -"),
        (0x83, bytes((0x29, 0xDC, 0xA6)), "IPMI"),
        (0xC6, b"a\nb\x1bc", None),
    ],
)
def test_names_in_every_way_that_they_are_written(
    type_and_length: int, data: bytes, name: str | None
) -> None:
    record = LabSensor(number=1, name="x", kind=1).record(1)
    found = parse_record(
        record[:47] + bytes((type_and_length,))[:0] + bytes((type_and_length,)) + data
    )
    assert found is not None
    assert found.name.isprintable()
    if name is not None:
        assert found.name == name


@given(st.binary(max_size=300))
def test_any_bytes_are_a_record_or_none(data: bytes) -> None:
    found = parse_record(data)
    if found is not None:
        assert found.name.isprintable()
        assert len(found.name) <= 40


@given(
    st.binary(min_size=_FULL_BYTES + 20, max_size=80),
    st.sampled_from([1, 2]),
    st.binary(max_size=5),
)
def test_any_record_and_answer_are_described_in_printable_words(
    data: bytes, kind: int, answer: bytes
) -> None:
    record = parse_record(data[:3] + bytes((kind, 60, 0x20, 0)) + data[7:])
    reading = parse_reading(answer)
    if record is None or reading is None:
        return
    for raw in (0, 127, 128, 255):
        value = record.value(raw)
        assert value is None or math.isfinite(value)
    for key, text in describe(record, reading).items():
        assert (key + text).isprintable()
        assert len(text) < 400


def test_a_reading_that_is_not_there_is_no_number() -> None:
    for is_scanned, is_available, words in ((False, True, "Disabled"), (True, False, "No Reading")):
        reading = Reading(raw=9, is_scanned=is_scanned, is_available=is_available, states=0x3F)
        said = describe(sensor(thresholds={"unc": 80}), reading)
        assert said["Sensor Reading"] == words
        assert "Status" not in said
        assert said["Upper non-critical"] == "80.000"


class ScriptedBmc:
    """Answers requests by a function; fails the test when it is asked without end."""

    def __init__(self, answer: object, most: int = 20_000) -> None:
        self._answer = answer
        self.left = most

    def raw(
        self, netfn: int, command: int, data: object, *, timeout_s: float, what: str
    ) -> tuple[int, bytes]:
        self.left -= 1
        assert self.left > 0, "the BMC is asked without end"
        return self._answer(netfn, command, bytes(data))  # type: ignore[operator,no-any-return,call-overload]


def calls(answer: object) -> IpmiCalls:
    return IpmiCalls(_TARGET, ScriptedBmc(answer), what="read sensors", timeout_s=5)


RECORDS = [one.record(number) for number, one in enumerate(LAB_SENSORS)]
INFO = bytes((0x51, len(RECORDS), 0, 0, 0)) + bytes(8) + b"\x02"


def endless(netfn: int, command: int, data: bytes) -> tuple[int, bytes]:
    if command == 0x20:
        return 0, INFO
    number = int.from_bytes(data[2:4], "little")
    return 0, ((number + 1) % 7).to_bytes(2, "little") + RECORDS[0]


def ever_more(netfn: int, command: int, data: bytes) -> tuple[int, bytes]:
    if command == 0x20:
        return 0, INFO
    if command == 0x2D:
        return 0, bytes((20, 0xC0, 0xC0))
    number = int.from_bytes(data[2:4], "little")
    return 0, (number + 1).to_bytes(2, "little") + RECORDS[number % len(RECORDS)]


def never_reserved(netfn: int, command: int, data: bytes) -> tuple[int, bytes]:
    if command == 0x22:
        return 0, b"\x01\x00"
    return (0, INFO) if command == 0x20 else (0xC5, b"")


def no_reservation(netfn: int, command: int, data: bytes) -> tuple[int, bytes]:
    if command == 0x22:
        return 0, b"\0\0"
    return (0, INFO) if command == 0x20 else (0xCA, b"")


def empty_pieces(netfn: int, command: int, data: bytes) -> tuple[int, bytes]:
    if command == 0x22:
        return 0, b"\x07\0"
    if command == 0x20:
        return 0, INFO
    return (0xCA, b"") if data[5] == 0xFF else (0, b"\x01\0")


def nothing(netfn: int, command: int, data: bytes) -> tuple[int, bytes]:
    return 0, b""


def no_sensors(netfn: int, command: int, data: bytes) -> tuple[int, bytes]:
    return 0xC1, b""


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (endless, "never ends"),
        (never_reserved, "others change its sensor records"),
        (no_reservation, "no reservation"),
        (empty_pieces, "an empty answer"),
        (nothing, "empty answer"),
        (no_sensors, "command not supported"),
    ],
)
def test_a_repository_that_cannot_be_read_is_one_sentence(answer: object, words: str) -> None:
    with pytest.raises(BmcError, match=words) as refused:
        read_sensors(calls(answer), SdrCache())
    assert str(refused.value).startswith("BMC 192.0.2.10 port 623: ")


def test_more_sensors_than_anybody_has_are_cut_off() -> None:
    report = read_sensors(calls(ever_more), SdrCache())
    assert report.count <= 500
    assert report.left_out > 0


def test_a_sensor_that_is_not_there_is_left_out() -> None:
    def answer(netfn: int, command: int, data: bytes) -> tuple[int, bytes]:
        if command == 0x2D:
            return (0xCB, b"") if data[0] == 1 else (0, b"\x05\xc0") if data[0] == 2 else (0, b"")
        return (0, INFO) if command == 0x20 else (0, b"\xff\xff" + RECORDS[data[2]])

    report = read_sensors(calls(answer), SdrCache())
    assert (report.count, report.left_out) == (0, 1)


def test_records_are_fetched_again_only_when_the_bmc_says_that_they_changed() -> None:
    fetched: list[int] = []
    added_at = 0

    def answer(netfn: int, command: int, data: bytes) -> tuple[int, bytes]:
        if command == 0x20:
            return 0, INFO[:5] + bytes((added_at,)) + INFO[6:]
        fetched.append(data[2])
        return 0, b"\xff\xff" + RECORDS[0]

    cache = SdrCache()
    for _ in range(3):
        cache.records(calls(answer))
    assert fetched == [0]
    added_at = 1
    cache.records(calls(answer))
    assert fetched == [0, 0]


def test_sensors_of_a_device_without_a_repository_are_found() -> None:
    def answer(netfn: int, command: int, data: bytes) -> tuple[int, bytes]:
        if netfn == 0x0A:
            return 0xC1, b""
        if command == 0x20:
            return 0, b"\x01\x01"
        if command == 0x21:
            return 0, b"\xff\xff" + RECORDS[0]
        return 0, bytes((22, 0xC0, 0xC0))

    report = read_sensors(calls(answer), SdrCache())
    assert report.readings["Temperature"]["Inlet Temp (0x1)"]["Sensor Reading"].startswith("22 ")


@given(st.binary(max_size=20))
def test_any_log_record_is_an_entry_of_printable_words(record: bytes) -> None:
    sensors = {number: sensor(number=number, m=3) for number in range(256)}
    entry = parse_entry(record, sensors)
    assert (entry.id + entry.sensor + entry.message).isprintable()
    assert len(entry.message) < 400


def test_a_log_that_leads_in_circles_ends() -> None:
    def answer(netfn: int, command: int, data: bytes) -> tuple[int, bytes]:
        if command == 0x40:
            return 0, b"\x51\xff\x0f" + bytes(11)
        number = int.from_bytes(data[2:4], "little")
        following = {0xFFFF: 0xFFFF, 0: 3, 3: 5, 5: 3}.get(number, 3)
        return 0, following.to_bytes(2, "little") + (9).to_bytes(2, "little") + bytes(14)

    log = read_log(calls(answer), 100, dict)
    assert len(log.entries) <= 4


def test_a_kernel_panic_and_what_only_the_maker_knows_are_told() -> None:
    panic = parse_entry(bytes((1, 0, 0xF0, 0, 0)) + b"Oops: fatal", {})
    assert panic.message == "Linux kernel panic: Oops: fatal"
    assert panic.created_at is None
    oem = parse_entry(
        bytes((2, 0, 0xC0))
        + (1_700_000_000).to_bytes(4, "little")
        + bytes((0xA2, 2, 0, 1, 2, 3, 4, 5, 6)),
        {},
    )
    assert oem.created_at == 1_700_000_000
    assert "maker 674: 01 02 03 04 05 06" in oem.message


@pytest.mark.parametrize(
    ("ahead_s", "is_told"), [(-3600, True), (3600, True), (3 * 86400, False), (20 << 25, False)]
)
def test_a_time_far_in_the_future_is_none(ahead_s: int, is_told: bool) -> None:
    stamp = int(time.time()) + ahead_s
    entry = parse_entry(bytes((2, 0, 0x02)) + stamp.to_bytes(4, "little") + bytes(9), {})
    assert entry.created_at == (stamp if is_told else None)
