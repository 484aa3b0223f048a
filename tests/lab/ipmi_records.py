"""Sensor data records of the lab's BMC, built from what a person would say of a sensor (IPMI 2.0 rev. 1.1: 43.1, 43.2)."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

_FULL, _COMPACT = 1, 2
_ID_TYPE_LATIN = 0xC0
_NOT_LINEAR = 0x70
_THRESHOLD_ORDER = ("unr", "ucr", "unc", "lnr", "lcr", "lnc")
_THRESHOLD_BITS = {"lnc": 1, "lcr": 2, "lnr": 4, "unc": 8, "ucr": 16, "unr": 32}


@dataclass(frozen=True, kw_only=True)
class LabSensor:
    """A sensor; raw values are bytes as the BMC measures them."""

    number: int
    name: str
    kind: int
    entity: tuple[int, int] = (7, 1)
    unit: int = 0
    raw_on: int = 0
    raw_off: int = 0
    m: int = 1
    b: int = 0
    b_exponent: int = 0
    exponent: int = 0
    tolerance: int = 0
    data_format: int = 0
    linearization: int = 0
    is_percentage: bool = False
    modifier: tuple[int, int] = (0, 0)
    """Relation (1 = by, 2 = times) and unit."""
    thresholds: Mapping[str, int] = field(default_factory=dict)
    """Raw values by ``lnc``, ``lcr``, ``lnr``, ``unc``, ``ucr``, ``unr``."""
    reading_type: int = 1
    states_on: int = 0
    states_off: int = 0
    needs_power: bool = False
    """There is no reading while the machine is off."""
    is_scanned: bool = True

    def reading(self, *, is_on: bool) -> bytes:
        """Return the answer to Get Sensor Reading (35.14)."""
        raw = self.raw_on if is_on else self.raw_off
        flags = 0xC0 if self.is_scanned else 0x80
        if self.needs_power and not is_on:
            return bytes((0, flags | 0x20, 0))
        if self.reading_type == 1:
            return bytes((raw, flags, 0xC0 | self._comparison(raw)))
        states = self.states_on if is_on else self.states_off
        return bytes((raw, flags)) + (states | 0x8000).to_bytes(2, "little")

    def factors(self) -> bytes:
        """Return the factors of every reading, as they stand in the answer to Get Sensor Reading Factors (35.5)."""
        m, b = self.m & 0x3FF, self.b & 0x3FF
        exponents = (self.exponent & 15) << 4 | self.b_exponent & 15
        return bytes((m & 0xFF, m >> 8 << 6 | self.tolerance, b & 0xFF, b >> 8 << 6, 0, exponents))

    def record(self, record_id: int) -> bytes:
        """Return the record: a full one for a sensor with numbers, else a compact one."""
        name = self.name.encode("latin-1")[:16]
        is_full = self.reading_type == 1
        kind = _FULL if is_full else _COMPACT
        rest = self._full() if is_full else bytes(8)
        relation, modifier = self.modifier
        units = self.data_format << 6 | relation << 1 | self.is_percentage
        body = (
            bytes((0x20, 0, self.number, *self.entity, 0x7F, 0x68, self.kind, self.reading_type))
            + self._masks()
            + bytes((units, self.unit, modifier))
            + rest
            + bytes((_ID_TYPE_LATIN | len(name),))
            + name
        )
        return struct.pack("<HBBB", record_id, 0x51, kind, len(body)) + body

    def _masks(self) -> bytes:
        readable = sum(_THRESHOLD_BITS[name] for name in self.thresholds)
        return bytes(4) + bytes((readable, 0))

    def _full(self) -> bytes:
        limits = bytes(self.thresholds.get(name, 0) for name in _THRESHOLD_ORDER)
        # a sensor that is not linear has other factors for each reading; those in its record say nothing
        factors = bytes(6) if self.linearization >= _NOT_LINEAR else self.factors()
        return bytes((self.linearization,)) + factors + bytes(6) + limits + bytes(5)

    def _comparison(self, raw: int) -> int:
        value = self._signed(raw)
        return sum(
            _THRESHOLD_BITS[name]
            for name, limit in self.thresholds.items()
            if (value >= self._signed(limit) if name[0] == "u" else value <= self._signed(limit))
        )

    def _signed(self, raw: int) -> int:
        return raw - 256 if self.data_format == 2 and raw > 127 else raw


LAB_SENSORS = (
    LabSensor(
        number=0x01,
        name="Inlet Temp",
        kind=0x01,
        unit=1,
        raw_on=22,
        raw_off=21,
        tolerance=2,
        data_format=2,
        thresholds={"lcr": 0xF9, "lnc": 3, "unc": 42, "ucr": 47},
    ),
    LabSensor(
        number=0x02,
        name="CPU1 Temp",
        kind=0x01,
        entity=(3, 1),
        unit=1,
        raw_on=48,
        needs_power=True,
        thresholds={"unc": 85, "ucr": 95, "unr": 100},
    ),
    LabSensor(
        number=0x03,
        name="CPU2 Temp",
        kind=0x01,
        entity=(3, 2),
        unit=1,
        raw_on=51,
        needs_power=True,
        thresholds={"unc": 85, "ucr": 95, "unr": 100},
    ),
    LabSensor(
        number=0x10,
        name="Fan1A",
        kind=0x04,
        entity=(29, 1),
        unit=18,
        m=120,
        raw_on=45,
        needs_power=True,
        tolerance=2,
        thresholds={"lcr": 5, "lnc": 7},
    ),
    LabSensor(
        number=0x11,
        name="Fan2A",
        kind=0x04,
        entity=(29, 2),
        unit=18,
        m=120,
        raw_on=46,
        needs_power=True,
        thresholds={"lcr": 5, "lnc": 7},
    ),
    LabSensor(
        number=0x20,
        name="12V",
        kind=0x02,
        unit=4,
        m=63,
        exponent=-3,
        raw_on=190,
        needs_power=True,
        thresholds={"lcr": 171, "ucr": 209},
    ),
    LabSensor(
        number=0x21,
        name="Voltage 1",
        kind=0x02,
        entity=(10, 1),
        unit=4,
        m=2,
        raw_on=115,
        raw_off=115,
    ),
    LabSensor(
        number=0x22, name="Current 1", kind=0x03, entity=(10, 1), unit=5, m=2, exponent=-1, raw_on=3
    ),
    LabSensor(
        number=0x23,
        name="Pwr Consumption",
        kind=0x03,
        unit=6,
        m=4,
        b=2,
        b_exponent=1,
        raw_on=40,
        thresholds={"unc": 220, "ucr": 240},
    ),
    LabSensor(
        number=0x30, name="CPU Usage", kind=0x0B, is_percentage=True, raw_on=7, needs_power=True
    ),
    LabSensor(
        number=0x40,
        name="PS1 Status",
        kind=0x08,
        entity=(10, 1),
        reading_type=0x6F,
        states_on=1,
        states_off=1,
    ),
    LabSensor(
        number=0x41, name="Drive 0", kind=0x0D, entity=(26, 1), reading_type=0x6F, states_on=1
    ),
    LabSensor(
        number=0x42,
        name="PS Redundancy",
        kind=0x08,
        reading_type=0x0B,
        states_on=1,
        is_scanned=False,
    ),
    LabSensor(number=0x43, name="Intrusion", kind=0x05, reading_type=0x6F, needs_power=True),
    LabSensor(
        number=0x51,
        name="Humidity",
        kind=0x0B,
        is_percentage=True,
        linearization=0x70,
        m=3,
        b=7,
        raw_on=13,
        raw_off=11,
    ),
    LabSensor(
        number=0x50,
        name="Air Flow",
        kind=0x0B,
        unit=17,
        modifier=(1, 22),
        m=3,
        linearization=8,
        raw_on=2,
        raw_off=1,
    ),
)
"""One of every kind of reading that real machines have: signed, scaled, by a function, percent, not linear, by states, not scanned."""
