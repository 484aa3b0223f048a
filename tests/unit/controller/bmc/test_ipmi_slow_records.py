"""A BMC that gives the records of its sensors slowly: its log is read all the same, and what it gave is kept."""

import time
from collections.abc import Sequence

import pytest

from controller.bmc.ipmi_chassis import IpmiBmc, IpmiMemory
from controller.bmc.ipmi_target import parse_target
from controller.errors import BmcUnreachable

STORAGE = 0x0A
RECORDS = 40


class SlowBmc:
    """Speaks as much of IPMI as a log and a list of sensors need; falls silent after so many records."""

    def __init__(self, records_in_time: int) -> None:
        self.records_in_time = records_in_time
        self.given: list[int] = []
        self.version = 0

    def raw(
        self, netfn: int, command: int, data: Sequence[int], *, timeout_s: float, what: str
    ) -> tuple[int, bytes]:
        if timeout_s <= 0:
            raise BmcUnreachable(f"BMC 192.0.2.10: {what}: no answer")
        if netfn != STORAGE:
            return 0xC1, b""
        match command:
            case 0x40:  # the log
                return 0, bytes([0x51, 1, 0]) + bytes(11)
            case 0x43:
                return 0, b"\xff\xff" + event(RECORDS)
            case 0x20:  # the list of sensors
                return 0, bytes([0x51, RECORDS, 0, 0, 0, self.version]) + bytes(8)
            case 0x23:
                return self._record(int.from_bytes(bytes(data[2:4]), "little"), timeout_s, what)
        return 0xC1, b""

    def _record(self, number: int, timeout_s: float, what: str) -> tuple[int, bytes]:
        if not self.records_in_time:
            time.sleep(timeout_s)
            raise BmcUnreachable(f"BMC 192.0.2.10: {what}: no answer")
        self.records_in_time -= 1
        self.given.append(number)
        following = 0xFFFF if number + 1 == RECORDS else number + 1
        return 0, following.to_bytes(2, "little") + sensor(number)


def sensor(number: int) -> bytes:
    """Return a compact record (43.2) of a temperature, named after its number, which is one higher than the record's."""
    name = f"Temp {number + 1}".encode()
    body = bytearray(27)
    body[0], body[2], body[7], body[8] = 0x20, number + 1, 1, 0x6F
    body[26] = 0xC0 | len(name)
    whole = bytes(body) + name
    return bytes([number, 0, 0x51, 2, len(whole)]) + whole


def event(number: int) -> bytes:
    """Return an event (32.1) of the sensor of that number."""
    return bytes([1, 0, 2, 0, 0, 0, 0x60, 0x20, 0, 4, 1, number, 0x01, 0x57, 0, 0])


def bmc(slow: SlowBmc, memory: IpmiMemory) -> IpmiBmc:
    return IpmiBmc(parse_target({"ipmi_address": "192.0.2.10"}), slow, memory)


def test_the_log_is_read_although_the_sensors_have_no_names_in_time() -> None:
    slow = SlowBmc(0)
    (entry,) = bmc(slow, IpmiMemory()).log(10, timeout_s=0.6).entries
    assert f"0x{RECORDS:02x}" in entry.sensor


@pytest.mark.parametrize("at_a_time", [1, 15, 39])
def test_a_list_that_was_half_fetched_is_gone_on_with(at_a_time: int) -> None:
    slow, memory = SlowBmc(0), IpmiMemory()
    names = []
    while len(slow.given) < RECORDS:
        slow.records_in_time = at_a_time
        (entry,) = bmc(slow, memory).log(10, timeout_s=0.1).entries
        names.append(entry.sensor)
    assert slow.given == list(range(RECORDS))
    assert names[-1].endswith(f"Temp {RECORDS}")
    slow.records_in_time = 0
    (entry,) = bmc(slow, memory).log(10, timeout_s=0.6).entries
    assert entry.sensor == names[-1]


def test_the_readings_of_sensors_go_on_there_too_and_begin_anew_with_another_list() -> None:
    slow, memory = SlowBmc(10), IpmiMemory()
    with pytest.raises(BmcUnreachable):
        bmc(slow, memory).sensors(timeout_s=0.3)
    slow.version, slow.records_in_time = 1, RECORDS
    bmc(slow, memory).sensors(timeout_s=5)
    assert slow.given == [*range(10), *range(RECORDS)]


def test_a_log_without_entries_asks_for_no_sensors() -> None:
    class Empty(SlowBmc):
        def raw(
            self, netfn: int, command: int, data: Sequence[int], *, timeout_s: float, what: str
        ) -> tuple[int, bytes]:
            if (netfn, command) == (STORAGE, 0x40):
                return 0, bytes(14)
            return super().raw(netfn, command, data, timeout_s=timeout_s, what=what)

    empty = Empty(RECORDS)
    assert bmc(empty, IpmiMemory()).log(10, timeout_s=1).total == 0
    assert empty.given == []
