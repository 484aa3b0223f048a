"""Sensor data records: what a BMC says of its sensors, and what a raw reading of one means. Pure.

Follows "Intelligent Platform Management Interface Specification Second Generation v2.0" rev. 1.1: 43.1 and 43.2 (full and compact records), 43.15
(names), 36.3 (conversion). A record is the BMC's word: one that cannot be read is none, a value that cannot be computed is none.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from agent.protocol.foreign_text import clean_line

HEADER_BYTES = 5
_TYPE_FULL, _TYPE_COMPACT = 0x01, 0x02
_ID_AT = {_TYPE_FULL: 47, _TYPE_COMPACT: 31}
"""Where the name's length stands, by the kind of record."""
_BMC_ADDRESS = 0x20
THRESHOLD = 0x01
"""The reading type of sensors that have thresholds (table 42-1)."""
_MOST_LETTERS = 32
_ONES_COMPLEMENT, _TWOS_COMPLEMENT, _FORMAT_NONE = 1, 2, 3
_SIGN = 0x80
_LAST_FUNCTION = 0x0B
_THRESHOLDS = (
    ("Upper non-recoverable", 36, 0x20),
    ("Upper critical", 37, 0x10),
    ("Upper non-critical", 38, 0x08),
    ("Lower non-recoverable", 39, 0x04),
    ("Lower critical", 40, 0x02),
    ("Lower non-critical", 41, 0x01),
)
"""Name, place in a full record, bit of the mask of those that can be read."""
_FUNCTIONS: tuple[Callable[[float], float], ...] = (
    lambda value: value,
    math.log,
    math.log10,
    math.log2,
    math.exp,
    lambda value: 10.0**value,
    lambda value: 2.0**value,
    lambda value: 1.0 / value,
    lambda value: value * value,
    lambda value: value**3,
    math.sqrt,
    math.cbrt,
)
"""By the number of the linearization (table 43-1, byte 24)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """How a raw reading becomes a value: ``f((m * raw + b * 10**b_exponent) * 10**exponent)``."""

    m: int
    b: int
    b_exponent: int
    exponent: int
    tolerance: int
    """In halves of a step of the raw reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorRecord:
    """One sensor that can be read."""

    number: int
    name: str
    entity: int
    instance: int
    kind: int
    """Sensor type, table 42-3."""
    reading_type: int
    """Event/reading type, table 42-1."""
    unit: int
    modifier: int
    relation: int
    """0 = unit alone, 1 = unit by modifier, 2 = unit times modifier."""
    is_percentage: bool
    data_format: int
    """0 = unsigned, 1 = ones' complement, 2 = two's complement, 3 = no number."""
    function: int
    """Linearization."""
    factors: Factors | None
    """``None`` = readings are no numbers."""
    thresholds: tuple[tuple[str, int], ...] = ()
    """Name and raw value of those that can be read."""

    @property
    def is_threshold(self) -> bool:
        """Whether it compares its reading with thresholds."""
        return self.reading_type == THRESHOLD

    @property
    def needs_factors(self) -> bool:
        """Whether each reading has factors of its own, which the BMC has to be asked for (35.5)."""
        return self.factors is not None and self.function > _LAST_FUNCTION

    def value(self, raw: int, factors: Factors | None = None) -> float | None:
        """Return what a raw reading means; ``None`` = no number.

        Args:
            raw: The reading, a byte.
            factors: Those of this reading, where it ``needs_factors``.
        """
        chosen = factors if self.needs_factors else self.factors
        if chosen is None or self.data_format == _FORMAT_NONE:
            return None
        signed = _signed(raw, self.data_format)
        shifted = chosen.m * signed + chosen.b * 10.0**chosen.b_exponent
        function = _FUNCTIONS[0 if self.needs_factors else self.function]
        try:
            found = function(shifted * 10.0**chosen.exponent)
        except (ValueError, ZeroDivisionError, OverflowError):
            return None
        return found if math.isfinite(found) else None

    def tolerance(self) -> float:
        """Return how far a linear value may be wrong."""
        if self.factors is None or self.function:
            return 0.0
        return abs(self.factors.m * self.factors.tolerance / 2 * 10.0**self.factors.exponent)


def parse_record(record: bytes) -> SensorRecord | None:
    """Read a record; ``None`` = it is of no sensor of this BMC that can be read, or is malformed."""
    kind = record[3] if len(record) > HEADER_BYTES else 0
    id_at = _ID_AT.get(kind)
    if id_at is None or len(record) <= id_at:
        return None
    owner, lun = record[5], record[6] & 0x03
    if owner != _BMC_ADDRESS or lun:
        return None
    is_full = kind == _TYPE_FULL
    units, reading_type = record[20], record[13]
    data_format = units >> 6
    has_number = is_full and data_format != _FORMAT_NONE
    mask = record[18] if is_full and reading_type == THRESHOLD else 0
    return SensorRecord(
        number=record[7],
        name=_name(record[id_at], record[id_at + 1 :]),
        entity=record[8],
        instance=record[9] & 0x7F,
        kind=record[12],
        reading_type=reading_type,
        unit=record[21],
        modifier=record[22],
        relation=units >> 1 & 0x03,
        is_percentage=bool(units & 0x01),
        data_format=data_format if is_full else _FORMAT_NONE,
        function=record[23] & 0x7F if is_full else 0,
        factors=parse_factors(record[24:30]) if has_number else None,
        thresholds=tuple((name, record[at]) for name, at, bit in _THRESHOLDS if mask & bit),
    )


def parse_factors(data: bytes) -> Factors | None:
    """Read six bytes of factors, as they stand in a full record and in an answer to Get Sensor Reading Factors; ``None`` = too short."""
    if len(data) < 6:  # noqa: PLR2004  # as documented
        return None
    return Factors(
        m=_twos(data[0] | (data[1] & 0xC0) << 2, 10),
        tolerance=data[1] & 0x3F,
        b=_twos(data[2] | (data[3] & 0xC0) << 2, 10),
        exponent=_twos(data[5] >> 4, 4),
        b_exponent=_twos(data[5] & 0x0F, 4),
    )


def _signed(raw: int, data_format: int) -> int:
    if data_format == _ONES_COMPLEMENT:
        return raw if raw < _SIGN else raw - 0xFF
    return _twos(raw, 8) if data_format == _TWOS_COMPLEMENT else raw


def _twos(value: int, bits: int) -> int:
    return value - (1 << bits) if value & 1 << (bits - 1) else value


def _name(type_and_length: int, data: bytes) -> str:
    """Return a sensor's name; one that is empty or not to be read is ``sensor``."""
    said = data[: type_and_length & 0x1F]
    match type_and_length >> 6:
        case 1:
            text = "".join(
                "0123456789 -.:,_"[half] for byte in said for half in (byte >> 4, byte & 15)
            )
        case 2:
            text = _six_bits(said)
        case _:
            text = said.decode("utf-8", "replace") if said.isascii() else said.decode("latin-1")
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return clean_line(shown, _MOST_LETTERS).strip() or "sensor"


def _six_bits(packed: bytes) -> str:
    """Unpack six-bit ASCII: least significant bits first (43.15)."""
    bits = int.from_bytes(packed, "little")
    return "".join(chr((bits >> 6 * place & 0x3F) + 0x20) for place in range(len(packed) * 8 // 6))
