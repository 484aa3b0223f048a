"""The system event log of an IPMI BMC: its newest entries in words, and how it is emptied.

Follows "Intelligent Platform Management Interface Specification Second Generation v2.0" rev. 1.1: 31 (SEL commands), 32 (records), 29.7 (event data).
"""

import struct
import time
from collections.abc import Callable

from agent.protocol.foreign_text import clean_line
from agent.protocol.foreign_time import believable
from controller.bmc.ipmi_calls import IpmiCalls, completion_text
from controller.bmc.ipmi_events import event_health, state_text
from controller.bmc.ipmi_sdr import THRESHOLD, SensorRecord
from controller.bmc.ipmi_words import sensor_type
from controller.hardware.abilities import Health
from controller.hardware.sensors import BmcLog, LogEntry

_NETFN_STORAGE = 0x0A
_GET_INFO, _RESERVE, _GET_ENTRY, _CLEAR = 0x40, 0x42, 0x43, 0x47
_BEGIN, _ASK = 0xAA, 0x00
_WORD = (0x43, 0x4C, 0x52)  # "CLR" (31.9)
_DONE = 0x01
_CLEAR_PAUSE_S = 0.2
_FIRST, _LAST = 0x0000, 0xFFFF
_NOT_THERE = 0xCB
_ENTRY_BYTES = 16
_MOST_WALKED = 4096
"""Larger than the logs of BMCs, which have some hundred to about four thousand entries."""
_UNSET_TIME, _BEFORE_CLOCK = 0xFFFFFFFF, 0x20000000
_STANDARD = 0x02
_OEM_WITH_TIME, _OEM_WITHOUT_TIME, _KERNEL_PANIC = 0xC0, 0xE0, 0xF0
_OVERFLOW = 0x80
_IS_OVER = 0x80
_UNSPECIFIED_DATA = 0xFF


SensorNames = Callable[[], dict[int, SensorRecord]]
"""Gives sensors by number, for their names."""


def read_log(calls: IpmiCalls, most: int, sensors: SensorNames) -> BmcLog:
    """Read the newest entries.

    Args:
        calls: To the BMC.
        most: So many at most.
        sensors: Asked once the entries are there, if there are any.

    Raises:
        BmcError: As ``Transport``, or the BMC has no log.
    """
    info = calls.ask(_NETFN_STORAGE, _GET_INFO, least_bytes=14)
    total = int.from_bytes(info[1:3], "little")
    records = _newest(calls, most) if total else []
    named = sensors() if records else {}
    return BmcLog(
        entries=tuple(parse_entry(record, named) for record in records),
        total=total,
        is_full=bool(info[13] & _OVERFLOW),
    )


def clear_log(calls: IpmiCalls) -> None:
    """Empty the log, and see that it is empty.

    Raises:
        BmcError: As ``Transport``, or the BMC did not do it in time.
    """
    reservation = calls.ask(_NETFN_STORAGE, _RESERVE, least_bytes=2)[:2]
    answer = calls.ask(_NETFN_STORAGE, _CLEAR, (*reservation, *_WORD, _BEGIN))
    while not (answer and answer[0] & 0x0F == _DONE):
        if calls.is_late:
            raise calls.refusal("was begun and has not ended; look at the log again in a minute")
        time.sleep(_CLEAR_PAUSE_S)
        answer = calls.ask(_NETFN_STORAGE, _CLEAR, (*reservation, *_WORD, _ASK))
    left = int.from_bytes(calls.ask(_NETFN_STORAGE, _GET_INFO, least_bytes=3)[1:3], "little")
    if left > 1:  # many write down that the log was cleared
        raise calls.refusal(f"was accepted, and {left} entries are still there; try again")


def parse_entry(record: bytes, sensors: dict[int, SensorRecord]) -> LogEntry:
    """Read one record of 16 bytes; a shorter one is filled up with zeros."""
    data = record[:_ENTRY_BYTES].ljust(_ENTRY_BYTES, b"\0")
    number, kind = struct.unpack_from("<HB", data)
    name = f"0x{number:04x}"
    if kind >= _OEM_WITHOUT_TIME:
        return _untimed(name, kind, data)
    created_at = _time(struct.unpack_from("<I", data, 3)[0])
    if kind >= _OEM_WITH_TIME:
        maker = int.from_bytes(data[7:10], "little")
        text = f"record 0x{kind:02x} of the maker {maker}: {data[10:].hex(' ')}"
        return LogEntry(id=name, created_at=created_at, severity=None, sensor="", message=text)
    if kind != _STANDARD:
        text = f"record of an unknown kind 0x{kind:02x}: {data[7:].hex(' ')}"
        return LogEntry(id=name, created_at=created_at, severity=None, sensor="", message=text)
    return _event(name, created_at, data, sensors)


def _event(
    name: str, created_at: float | None, data: bytes, sensors: dict[int, SensorRecord]
) -> LogEntry:
    kind, number, reading_type, offset = data[10], data[11], data[12] & 0x7F, data[13] & 0x0F
    is_over = bool(data[12] & _IS_OVER)
    record = sensors.get(number)
    said = state_text(kind, reading_type, offset, is_over=is_over)
    text = said or f"event {offset} of type 0x{reading_type:02x}"
    if is_over and said == state_text(kind, reading_type, offset):
        text = f"{text}: over"
    text += _values(reading_type, data[13:16], record)
    severity = Health.OK if is_over else event_health(kind, reading_type, offset)
    label = f"{sensor_type(kind)} {record.name if record else f'0x{number:02x}'}"
    return LogEntry(
        id=name,
        created_at=created_at,
        severity=severity,
        sensor=clean_line(label, 80),
        message=clean_line(text, 200),
    )


def _values(reading_type: int, data: bytes, record: SensorRecord | None) -> str:
    """Return the reading and the threshold of a threshold event, else the bytes that only the maker knows (29.7)."""
    has_reading, has_threshold = data[0] >> 6 == 1, data[0] >> 4 & 3 == 1
    if reading_type == THRESHOLD and record and has_reading:
        reading = record.value(data[1])
        threshold = record.value(data[2]) if has_threshold else None
        if reading is not None:
            limit = "" if threshold is None else f", threshold {threshold:g}"
            return f" (reading {reading:g}{limit})"
    rest = bytes(byte for byte in data[1:] if byte != _UNSPECIFIED_DATA)
    return f" (data {rest.hex(' ')})" if rest and data[0] & 0xF0 else ""


def _untimed(name: str, kind: int, data: bytes) -> LogEntry:
    if kind == _KERNEL_PANIC:
        words = clean_line(data[5:].split(b"\0")[0].decode("ascii", "replace"), 20)
        message, severity = f"Linux kernel panic: {words}", Health.CRITICAL
        return LogEntry(id=name, created_at=None, severity=severity, sensor="", message=message)
    text = f"record 0x{kind:02x} of the maker: {data[3:].hex(' ')}"
    return LogEntry(id=name, created_at=None, severity=None, sensor="", message=text)


def _time(stamp: int) -> float | None:
    """Return the time of an entry; ``None`` = the BMC did not know it, counted from its start, or is far ahead of us."""
    is_told = stamp != _UNSET_TIME and stamp >= _BEFORE_CLOCK
    return believable(float(stamp), time.time()) if is_told else None


def _newest(calls: IpmiCalls, most: int) -> list[bytes]:
    """Return the newest records, newest first.

    The last one can be asked for; the one before it only by its number, which most BMCs count by one. Where that does not
    lead on, the whole log is walked from its beginning.
    """
    last = _entry(calls, _LAST)
    if last is None:
        return []
    found = [last[1]]
    number = int.from_bytes(last[1][:2], "little")
    while len(found) < most and number > 1 and not calls.is_late:
        before = _entry(calls, number - 1)
        if before is None or int.from_bytes(before[1][:2], "little") != number - 1:
            return _walk(calls, most)
        found.append(before[1])
        number -= 1
    return found[:most]


def _walk(calls: IpmiCalls, most: int) -> list[bytes]:
    found: list[bytes] = []
    number, seen = _FIRST, set[int]()
    while number != _LAST and number not in seen and len(seen) < _MOST_WALKED:
        seen.add(number)
        if calls.is_late:
            raise calls.refusal(
                "did not end in time: the log is long; clear it, or raise bmc_timeout_s"
            )
        if (entry := _entry(calls, number)) is None:
            break
        number, record = entry
        found.append(record)
    return found[::-1][:most]


def _entry(calls: IpmiCalls, number: int) -> tuple[int, bytes] | None:
    """Return the number of the next record, and this one; ``None`` = it is not there."""
    request = (0, 0, *number.to_bytes(2, "little"), 0, 0xFF)
    code, answer = calls.raw(_NETFN_STORAGE, _GET_ENTRY, request)
    if code == _NOT_THERE:
        return None
    if code:
        raise calls.refusal(f"refused: {completion_text(code)}")
    if len(answer) < 2 + _ENTRY_BYTES:
        raise calls.refusal("failed: it gives a part of an entry only; update its firmware")
    return int.from_bytes(answer[:2], "little"), answer[2 : 2 + _ENTRY_BYTES]
