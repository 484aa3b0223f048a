"""The records of a BMC's sensors, fetched and kept: a machine has a hundred, and they change with its firmware only.

Follows "Intelligent Platform Management Interface Specification Second Generation v2.0" rev. 1.1: 33.9 to 33.12 (SDR repository), 35.2 to 35.4
(device SDRs, where there is no repository).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from controller.bmc.ipmi_calls import IpmiCalls, completion_text
from controller.bmc.ipmi_sdr import HEADER_BYTES
from controller.bmc.kept import Kept, digest_of
from controller.errors import BmcError, BmcUnreachable

_GET_INFO, _GET_RECORD, _RESERVE = 0x20, 0x23, 0x22
_GET_DEVICE_RECORD = 0x21
_NETFN_STORAGE, _NETFN_SENSOR = 0x0A, 0x04
_NOT_SUPPORTED = (0xC1, 0xC2, 0xD5, 0xD6)
_RESERVATION_LOST, _TOO_MANY_BYTES = 0xC5, (0xCA, 0xC7, 0xC8, 0xFF)
_WHOLE = 0xFF
_PIECE_BYTES = 16
_LAST = 0xFFFF
_MOST_RECORDS = 1024
_MOST_RECORD_BYTES = 255 + HEADER_BYTES
_MOST_RESERVATIONS = 8
_MOST_KEPT: Final = 2000
"""BMCs whose records are remembered, about 10 KB each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Store:
    """Where records are, and how they are asked for."""

    netfn: int
    get: int
    version: bytes
    """What changes when the records do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fetched:
    """Records of one BMC, as far as they were fetched."""

    version: bytes
    records: tuple[bytes, ...] = ()
    numbers: frozenset[int] = frozenset()
    """Theirs."""
    following: int = 0
    """The number of the record that is next; ``_LAST`` = there is none."""


class SdrCache:
    """The records of the BMCs that were asked last. For any number of threads."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._kept: Kept[str, _Fetched] = Kept(_MOST_KEPT)

    def records(self, calls: IpmiCalls, *, is_part_enough: bool = False) -> Sequence[bytes]:
        """Return the records of a BMC, fetched anew where it says that they have changed.

        What was fetched before the time was over is kept, and the next call goes on there.

        Args:
            calls: To the BMC.
            is_part_enough: Return what there is when the time is over.

        Raises:
            BmcError: There are none to be had; further as ``Transport``.
        """
        store, key = _store(calls), digest_of(calls.target)
        kept = self._kept.get(key) or _Fetched(version=store.version)
        if kept.version != store.version:
            kept = _Fetched(version=store.version)
        fetch = _Fetch(calls, store, kept)
        try:
            fetch.go_on()
        except BmcUnreachable:
            self._kept.put(key, fetch.fetched)
            if not (is_part_enough and fetch.fetched.records):
                raise
        self._kept.put(key, fetch.fetched)
        return fetch.fetched.records


def _store(calls: IpmiCalls) -> _Store:
    code, info = calls.raw(_NETFN_STORAGE, _GET_INFO)
    if code == 0 and len(info) >= 13:  # noqa: PLR2004  # 33.9: the times of the last addition and erasure end there
        return _Store(netfn=_NETFN_STORAGE, get=_GET_RECORD, version=info[:3] + info[5:13])
    if code and code not in _NOT_SUPPORTED:
        raise calls.refusal(f"refused: {completion_text(code)}")
    # 35.2, with 1: count of records
    info = calls.ask(_NETFN_SENSOR, _GET_INFO, (1,), least_bytes=2)
    return _Store(netfn=_NETFN_SENSOR, get=_GET_DEVICE_RECORD, version=b"device" + info)


class _Fetch:
    """Fetches the records of one BMC: each at once if it can, else in pieces with a reservation."""

    def __init__(self, calls: IpmiCalls, store: _Store, fetched: _Fetched) -> None:
        self._calls, self._store = calls, store
        self.fetched = fetched
        self._in_pieces = False
        self._reservation = 0
        self._reservations = 0

    def go_on(self) -> None:
        """Fetch what lacks; ``fetched`` is as far as it came also where that fails."""
        wanted, records = self.fetched.following, list(self.fetched.records)
        numbers = set(self.fetched.numbers)
        try:
            while wanted != _LAST and len(records) < _MOST_RECORDS:
                if wanted in numbers:
                    raise self._calls.refusal(
                        "failed: its list of sensors never ends; update its firmware"
                    )
                following, record = self._one(wanted)
                numbers.add(wanted)
                records.append(record)
                wanted = following
        finally:
            self.fetched = replace(
                self.fetched,
                records=tuple(records),
                numbers=frozenset(numbers),
                following=wanted,
            )

    def _one(self, number: int) -> tuple[int, bytes]:
        """Return the number of the next record, and this one."""
        while True:
            if not self._in_pieces:
                code, answer = self._read(number, 0, _WHOLE)
                if code == 0 and len(answer) > 2 + HEADER_BYTES:
                    return _number(answer), answer[2:][:_MOST_RECORD_BYTES]
                if code and code not in _TOO_MANY_BYTES and code != _RESERVATION_LOST:
                    raise self._calls.refusal(f"refused: {completion_text(code)}")
                self._in_pieces = True
            if (pieces := self._pieces(number)) is not None:
                return pieces

    def _pieces(self, number: int) -> tuple[int, bytes] | None:
        """Return the same of a record fetched in pieces; ``None`` = the reservation was lost."""
        if not self._reservation:
            self._reserve()
        following, record, whole = _LAST, b"", HEADER_BYTES
        while len(record) < whole:
            size = min(whole - len(record), _PIECE_BYTES)
            code, answer = self._read(number, len(record), size)
            if code == _RESERVATION_LOST:
                self._reservation = 0
                return None
            if code or len(answer) <= 2:  # noqa: PLR2004  # nothing but the next number
                why = completion_text(code) if code else "an empty answer"
                raise self._calls.refusal(f"refused: {why}")
            following, record = _number(answer), record + answer[2 : 2 + size]
            if len(record) >= HEADER_BYTES:
                whole = HEADER_BYTES + record[4]
        return following, record

    def _read(self, number: int, offset: int, size: int) -> tuple[int, bytes]:
        reserved = self._reservation.to_bytes(2, "little")
        request = (*reserved, *number.to_bytes(2, "little"), offset, size)
        return self._calls.raw(self._store.netfn, self._store.get, request)

    def _reserve(self) -> None:
        self._reservations += 1
        if self._reservations > _MOST_RESERVATIONS:
            raise self._calls.refusal(
                "failed: others change its sensor records all the time; try again"
            )
        answer = self._calls.ask(self._store.netfn, _RESERVE, least_bytes=2)
        self._reservation = _number(answer)
        if not self._reservation:
            raise BmcError(str(self._calls.refusal("failed: it gives no reservation")))


def _number(data: bytes) -> int:
    return int.from_bytes(data[:2], "little")
