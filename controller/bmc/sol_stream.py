"""The bytes of a serial line over LAN: what is acknowledged, what is sent again, what has been taken before. Pure.

One packet is under way in each direction until its acknowledgement comes. A packet that comes again is acknowledged again and
gives only what it has more than before; one of earlier, which was on its way for long, gives nothing (the session below drops
packets that others have overtaken, too, by their 32-bit numbers). So lost, doubled and reordered packets lose or double no byte, as
long as the session lasts.

Follows the IPMI specification 2.0, revision 1.1: 15.9 (sequence numbers), 15.11 (partial acceptance), tables 15-1 and 15-2 (packets).
"""

from dataclasses import dataclass

MOST_TYPED_BYTES = 16 * 1024
"""So much waits to be sent to a BMC that takes it slowly."""
MOST_PACKET_BYTES = 240
"""Of data; the count of an acknowledgement has 8 bits, and some BMCs choke on more than 255 bytes of payload."""
_HEAD_BYTES = 4
_NUMBERS = 15
_NACK, _UNAVAILABLE, _INACTIVE = 0x40, 0x20, 0x10
_BREAK = 0x10
_REPEATS_S = (0.25, 0.5, 0.5, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0)
"""Waits for an acknowledgement, in turn; after the last one the BMC is silent."""
_HOLD_S = 0.25
"""How long is waited before sending again what a BMC could not take: its line is slow, or the machine is off."""
_STALE_IN_A_ROW = 4
"""So often in a row nothing comes by accident: the BMC counts anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    """A packet that is not acknowledged."""

    number: int
    data: bytes
    is_break: bool
    repeats: int
    repeat_at: float


class SolStream:
    """Both directions of one SoL session; times are those of one steady clock, in seconds."""

    def __init__(self, most_bytes: int) -> None:
        """Begin; ``most_bytes`` of data is what the BMC takes in a packet, as it said."""
        self._most_bytes = max(1, min(most_bytes, MOST_PACKET_BYTES))
        self._typed = bytearray()
        self._break_wanted = False
        self._number = 0
        self._sent: _Sent | None = None
        self._not_before = 0.0
        self._acknowledgement: bytes | None = None
        self._taken_number = 0
        self._taken_bytes = 0
        self._stale: tuple[bytes, int] = (b"", 0)
        self.is_inactive = False
        """The BMC has said that the console is somebody else's now."""
        self.is_silent = False
        """The BMC has acknowledged nothing for long."""
        self.is_refused = False
        """The BMC could not take what was typed last: the machine is off, or nobody reads its line."""

    @property
    def room_bytes(self) -> int:
        """How much more may be typed."""
        return MOST_TYPED_BYTES - len(self._typed)

    def type(self, data: bytes) -> None:
        """Queue what was typed; at most ``room_bytes``."""
        self._typed += data

    def send_break(self) -> None:
        """Queue a break, before what is typed and not sent yet."""
        self._break_wanted = True

    def take(self, payload: bytes, now: float) -> bytes:
        """Take a packet of the BMC; return what the machine has printed that was not taken before."""
        if len(payload) < _HEAD_BYTES:
            return b""
        number, acknowledged, count, status = payload[0] & 0xF, payload[1] & 0xF, *payload[2:4]
        if status & _INACTIVE:
            self.is_inactive = True
        if acknowledged:
            self._acknowledged(acknowledged, count, status, now)
        return self._fresh(number, payload[_HEAD_BYTES:]) if number else b""

    def packets(self, now: float) -> list[bytes]:
        """Return what is to be sent now."""
        found = []
        if self._acknowledgement is not None:
            found.append(self._acknowledgement)
            self._acknowledgement = None
        if self._sent is None:
            self._begin(now)
        elif now >= self._sent.repeat_at:
            self._repeat(self._sent, now)
        else:
            return found
        if self._sent is not None:
            operation = _BREAK if self._sent.is_break else 0
            found.append(bytes((self._sent.number, 0, 0, operation)) + self._sent.data)
        return found

    @property
    def wakes_at(self) -> float | None:
        """When :meth:`packets` has something, if nothing comes; ``None`` = never."""
        if self._acknowledgement is not None:
            return 0.0
        if self._sent is not None:
            return self._sent.repeat_at
        return self._not_before if self._typed or self._break_wanted else None

    def _acknowledged(self, number: int, count: int, status: int, now: float) -> None:
        sent = self._sent
        if sent is None or number != sent.number:
            return  # of a packet that was acknowledged before
        self._sent = None
        is_refused = bool(status & _NACK)
        taken = min(count, len(sent.data)) if is_refused or count else len(sent.data)
        self._typed[:0] = sent.data[taken:]
        self._break_wanted = self._break_wanted or (is_refused and sent.is_break)
        self.is_refused = is_refused and taken == 0
        if is_refused:
            self._not_before = now + _HOLD_S

    def _fresh(self, number: int, data: bytes) -> bytes:
        """Return what is new in a packet, and have it acknowledged."""
        if number == self._taken_number:
            fresh = data[self._taken_bytes :]
        elif self._is_stale(number, data):
            return b""
        else:
            self._taken_number, self._taken_bytes, fresh = number, 0, data
        self._stale = (b"", 0)
        self._taken_bytes = max(self._taken_bytes, len(data))
        self._acknowledgement = bytes((0, number, min(len(data), 255), 0))
        return fresh

    def _is_stale(self, number: int, data: bytes) -> bool:
        if self._taken_number in (0, (number - 2) % _NUMBERS + 1):
            return False  # the first one, or the one that is expected
        packet = bytes((number,)) + data
        times = self._stale[1] + 1 if packet == self._stale[0] else 1
        self._stale = (packet, times)
        return times < _STALE_IN_A_ROW

    def _begin(self, now: float) -> None:
        if now < self._not_before or not (self._typed or self._break_wanted):
            return
        self._number = self._number % _NUMBERS + 1
        data = b"" if self._break_wanted else bytes(self._typed[: self._most_bytes])
        del self._typed[: len(data)]
        self._sent = _Sent(
            number=self._number,
            data=data,
            is_break=self._break_wanted,
            repeats=0,
            repeat_at=now + _REPEATS_S[0],
        )
        self._break_wanted = False

    def _repeat(self, sent: _Sent, now: float) -> None:
        repeats = sent.repeats + 1
        if repeats >= len(_REPEATS_S):
            self.is_silent = True
        wait_s = _REPEATS_S[min(repeats, len(_REPEATS_S) - 1)]
        self._sent = _Sent(
            number=sent.number,
            data=sent.data,
            is_break=sent.is_break,
            repeats=repeats,
            repeat_at=now + wait_s,
        )
