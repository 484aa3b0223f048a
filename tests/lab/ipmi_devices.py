"""What the lab's IPMI BMC has beside the chassis: sensors, event log, identify lamp, LAN parameters.

Follows the IPMI specification 2.0, revision 1.1: 28.2 and 28.5 (chassis status, identify), 31 (SEL), 33 (SDR repository), 35.14 (readings), 23.2 (LAN
parameters), 22.24 (channels).
"""

import socket
import struct
import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.lab.ipmi_records import LAB_SENSORS, LabSensor

_CHASSIS, _SENSOR, _APP, _STORAGE, _TRANSPORT = 0x00, 0x04, 0x06, 0x0A, 0x0C
_NOT_THERE, _BAD_FIELD, _NO_RESERVATION, _TOO_MANY_BYTES = 0xCB, 0xCC, 0xC5, 0xCA
_NO_SUCH_PARAMETER = 0x80
_LAST = 0xFFFF
_RECORD_BYTES = 16
_MOST_PIECE_BYTES = 24
_LAN_CHANNEL = 1

Answer = tuple[int, bytes]
"""Completion code and data."""


class Devices:
    """Their state; ``answer`` is the BMC's."""

    def __init__(self, address: str, is_on: Callable[[], bool]) -> None:
        self.faults: Mapping[str, Any] = {}
        self._address = address
        self._is_on = is_on
        self._lamp_ends_at = 0.0
        self._log: list[bytes] = []
        self._next_entry = 1
        self._is_cleared_at = int(time.time())
        self._reservation = 1
        self._handlers: Mapping[tuple[int, int], Callable[[bytes], Answer]] = {
            (_CHASSIS, 0x01): self._chassis_status,
            (_CHASSIS, 0x04): self._identify,
            (_SENSOR, 0x23): self._factors,
            (_SENSOR, 0x2D): self._reading,
            (_APP, 0x42): self._channel,
            (_STORAGE, 0x20): self._repository,
            (_STORAGE, 0x22): self._reserve,
            (_STORAGE, 0x23): self._record,
            (_STORAGE, 0x40): self._log_info,
            (_STORAGE, 0x42): self._reserve,
            (_STORAGE, 0x43): self._log_entry,
            (_STORAGE, 0x44): self._add_log_entry,
            (_STORAGE, 0x47): self._clear_log,
            (_STORAGE, 0x48): self._log_time,
            (_TRANSPORT, 0x02): self._lan_parameter,
        }

    def answer(self, request: Mapping[str, Any], session: Any) -> bool:
        """Answer a request, if it is for one of these."""
        handler = self._handlers.get((request["netfn"], request["command"]))
        if handler is None:
            return False
        try:
            code, data = handler(bytes(request["data"]))
        except (IndexError, struct.error):
            code, data = 0xC7, b""
        session.send_ipmi_response(code=code, data=list(data))
        return True

    @property
    def _sensors(self) -> tuple[LabSensor, ...]:
        return LAB_SENSORS

    def _chassis_status(self, _data: bytes) -> Answer:
        left_s = self._lamp_ends_at - time.monotonic()
        lamp = 0x20 if left_s > 1e6 else 0x10 if left_s > 0 else 0
        parts = 0x40 | lamp | int(self.faults.get("part_faults") or 0)
        power = int(self._is_on()) | int(self.faults.get("power_faults") or 0)
        return 0, bytes((power, 0, parts))

    def _identify(self, data: bytes) -> Answer:
        seconds = data[0] if data else 15
        if len(data) > 1 and data[1] & 1:
            seconds = 10**9
        self._lamp_ends_at = time.monotonic() + seconds if seconds else 0.0
        return 0, b""

    def _reading(self, data: bytes) -> Answer:
        found = next((one for one in self._sensors if one.number == data[0]), None)
        if found is None:
            return _NOT_THERE, b""
        reading = found.reading(is_on=self._is_on())
        changed = (self.faults.get("readings") or {}).get(found.name)
        if changed is not None:
            reading = bytes((changed,)) + reading[1:2] + bytes((0xC0 | found._comparison(changed),))
        return 0, reading

    def _factors(self, data: bytes) -> Answer:
        found = next((one for one in self._sensors if one.number == data[0]), None)
        return (_NOT_THERE, b"") if found is None else (0, bytes((data[1],)) + found.factors())

    def _repository(self, _data: bytes) -> Answer:
        times = struct.pack("<II", 1_700_000_000, 0)
        return 0, struct.pack("<BHH", 0x51, len(self._sensors), _LAST) + times + b"\x02"

    def _reserve(self, _data: bytes) -> Answer:
        self._reservation = self._reservation % 0xFFFE + 1
        return 0, self._reservation.to_bytes(2, "little")

    def _record(self, data: bytes) -> Answer:
        reservation, wanted, offset, size = struct.unpack("<HHBB", data)
        number = wanted if wanted != _LAST else len(self._sensors) - 1
        if number >= len(self._sensors):
            return _NOT_THERE, b""
        if (offset or reservation) and reservation != self._reservation:
            return _NO_RESERVATION, b""
        record = self._sensors[number].record(number)
        if self.faults.get("in_pieces") and size > _MOST_PIECE_BYTES:
            return _TOO_MANY_BYTES, b""
        following = number + 1 if number + 1 < len(self._sensors) else _LAST
        return 0, following.to_bytes(2, "little") + record[offset : offset + size]

    def _log_info(self, _data: bytes) -> Answer:
        times = struct.pack("<II", int(time.time()), self._is_cleared_at)
        return 0, struct.pack("<BHH", 0x51, len(self._log), 4096) + times + b"\x02"

    def _log_entry(self, data: bytes) -> Answer:
        _reservation, wanted, _offset, _size = struct.unpack("<HHBB", data)
        numbers = [int.from_bytes(one[:2], "little") for one in self._log]
        if wanted == _LAST and numbers:
            place = len(numbers) - 1
        elif wanted == 0 and numbers:
            place = 0
        elif wanted in numbers:
            place = numbers.index(wanted)
        else:
            return _NOT_THERE, b""
        following = numbers[place + 1] if place + 1 < len(numbers) else _LAST
        return 0, following.to_bytes(2, "little") + self._log[place]

    def _add_log_entry(self, data: bytes) -> Answer:
        number = self._next_entry.to_bytes(2, "little")
        self._next_entry += 1
        record = number + data[2:_RECORD_BYTES]
        if data[2] < 0xE0 and data[3:7] == bytes(4):
            record = record[:3] + struct.pack("<I", int(time.time())) + record[7:]
        self._log.append(record)
        return 0, number

    def _clear_log(self, data: bytes) -> Answer:
        if int.from_bytes(data[:2], "little") != self._reservation:
            return _NO_RESERVATION, b""
        if data[2:5] != b"CLR":
            return _BAD_FIELD, b""
        if data[5] == 0xAA:
            if not self.faults.get("keeps_log"):
                self._log.clear()
            self._is_cleared_at = int(time.time())
        return 0, b"\x01"

    def _log_time(self, _data: bytes) -> Answer:
        return 0, struct.pack("<I", int(time.time()))

    def _channel(self, data: bytes) -> Answer:
        if data[0] & 15 not in (_LAN_CHANNEL, 14):
            return _BAD_FIELD, b""
        return 0, bytes((_LAN_CHANNEL, 4, 1, 0x80, 0xF2, 0x1B, 0, 0, 0))

    def _lan_parameter(self, data: bytes) -> Answer:
        if data[0] & 15 not in (_LAN_CHANNEL, 14):
            return _BAD_FIELD, b""
        address = socket.inet_aton(self._address)
        values = {
            0: bytes((0,)),
            3: address,
            4: bytes((1,)),
            5: bytes.fromhex("525400000123"),
            6: bytes((255, 255, 255, 0)),
            12: address[:3] + b"\x01",
        }
        value = values.get(data[1])
        return (0, b"\x11" + value) if value is not None else (_NO_SUCH_PARAMETER, b"")
