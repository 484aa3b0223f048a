"""Serial over LAN as the lab's BMC offers it: the commands, the packets, and repetition of what was not acknowledged.

Shares nothing with the controller's side; ``ipmitool`` is the judge of both. pyghmi's own ``ServerConsole`` waits inside a packet's
handler, takes an old packet that comes again for a new one, and cuts four bytes too many off a repetition that has grown.

Follows the IPMI specification 2.0, revision 1.1: 15.9-15.11 (packets), 24.1-24.4 (payload commands), 26.3 (SOL configuration).
"""

import socket
import time
from typing import Any

_SOL = 1
_ALREADY_ACTIVE = _NO_SUCH_PARAMETER = _NOT_ACTIVE = 0x80
_NACK, _UNAVAILABLE, _DEACTIVATING = 0x40, 0x20, 0x10
_MOST_DATA_BYTES = 96
"""Of a packet of ours; that of a client's packet may be larger."""
_INBOUND_BYTES = 200
_REPEAT_S = 0.3
_IDLE_S = 60.0
"""A session of which nothing is heard for so long is forgotten (6.12.15)."""
_MOST_WAITING_BYTES = 4096
"""So much is read from the serial line ahead of what the client has acknowledged."""


class SolPort:
    """The serial line of one machine, and the session that has it."""

    def __init__(self, line: socket.socket, port: int) -> None:
        """Take the socket that is the serial line; ``port`` is what clients are told."""
        line.setblocking(False)
        self.line = line
        self._port = port
        self._has_ended = False
        self._session: Any = None
        self._waiting = bytearray()
        self._sent = b""
        """What was sent and is not acknowledged; empty = the next packet may go."""
        self._sequence = 0
        self._taken_sequence = 0
        self._answered = bytearray()
        self._repeat_at = 0.0
        self._heard_at = 0.0

    @property
    def lines(self) -> list[socket.socket]:
        """The serial line, if it is to be read now; without a client what comes is lost, as at a real BMC."""
        has_room = not self._has_ended and len(self._waiting) < _MOST_WAITING_BYTES
        return [self.line] if has_room else []

    @property
    def wakes_at(self) -> float | None:
        """When :meth:`work` is to be called; ``None`` = there is nothing to wait for."""
        return self._repeat_at if self._sent else None

    def answer(self, request: dict[str, Any], session: Any) -> bool:
        """Answer a command about the payload, its configuration or the end of a session; false = it is none of them."""
        self._heard_at = time.monotonic()
        data = bytes(request["data"])
        match request["netfn"], request["command"]:
            case (6, 0x48):
                self._activate(session)
            case (6, 0x49):
                self._deactivate(session)
            case (6, 0x4A):
                session.send_ipmi_response(data=[1, int(self._session is not None), 0])
            case (6, 0x4B):
                owner = 0 if self._session is None else self._session.localsid
                session.send_ipmi_response(data=[*owner.to_bytes(4, "little"), *bytes(8)])
            case (0x0C, 0x22):
                self._configuration(data, session)
            case (6, 0x3C):
                if session is self._session:
                    self._let_go()
                session.send_ipmi_response()
            case _:
                return False
        return True

    def work(self, *, is_readable: bool) -> None:
        """Take what the machine has printed, and send again what was not acknowledged in time."""
        if is_readable:
            self._read_line()
        self._repeat()

    def _read_line(self) -> None:
        try:
            data = self.line.recv(_MOST_WAITING_BYTES)
        except BlockingIOError:
            return
        self._has_ended = not data
        if self._session is not None:
            self._waiting += data
            self._send()

    def _repeat(self) -> None:
        """Send again what was not acknowledged in time; forget a client that is silent for long."""
        now = time.monotonic()
        if self._session is None or not self._sent or now < self._repeat_at:
            return
        if now - self._heard_at > _IDLE_S:
            self._let_go()
            return
        self._transmit()

    def _activate(self, session: Any) -> None:
        if self._session is not None and self._session is not session:
            if time.monotonic() - self._heard_at <= _IDLE_S:
                session.send_ipmi_response(code=_ALREADY_ACTIVE)
                return
            self._let_go()
        if self._session is not session:  # else the client has not had our answer
            self._session = session
            session.sol_handler = self._take
        sizes = [
            *_INBOUND_BYTES.to_bytes(2, "little"),
            *(_MOST_DATA_BYTES + 4).to_bytes(2, "little"),
        ]
        session.send_ipmi_response(
            data=[0, 0, 0, 0, *sizes, *self._port.to_bytes(2, "little"), 0xFF, 0xFF]
        )

    def _deactivate(self, session: Any) -> None:
        if self._session is None:
            session.send_ipmi_response(code=_NOT_ACTIVE)
            return
        if self._session is not session:
            self._session.send_payload(bytearray((0, 0, 0, _DEACTIVATING)), _SOL, retry=False)
        self._let_go()
        session.send_ipmi_response()

    def _let_go(self) -> None:
        if self._session is not None:
            self._session.sol_handler = None
        self._session, self._sent = None, b""
        self._waiting.clear()
        self._sequence = self._taken_sequence = 0

    def _configuration(self, data: bytes, session: Any) -> None:
        values = {
            0: (0,),
            1: (1,),
            2: (0xC4,),
            3: (12, _MOST_DATA_BYTES),
            4: (7, 30),
            5: (0x0A,),
            6: (0x0A,),
            7: (1,),
            8: tuple(self._port.to_bytes(2, "little")),
        }
        value = values.get(data[1])
        if value is None:
            session.send_ipmi_response(code=_NO_SUCH_PARAMETER)
        else:
            session.send_ipmi_response(data=[0x11, *value])

    def _take(self, payload: Any) -> None:
        """Handle a packet of the client that has the line."""
        if isinstance(payload, dict) or len(payload) < 4:
            return
        self._heard_at = time.monotonic()
        sequence, acknowledged, count, _operation = payload[:4]
        if acknowledged & 0xF == self._sequence and self._sent:
            left = self._sent[count:] if count < len(self._sent) else b""
            self._sent = b""
            self._waiting[:0] = left
            self._send()
        if sequence & 0xF:
            self._take_data(sequence & 0xF, bytes(payload[4:]))

    def _take_data(self, sequence: int, data: bytes) -> None:
        if sequence != self._taken_sequence:
            if self._taken_sequence not in (0, (sequence - 2) % 15 + 1):
                return  # one of earlier that was on its way for long
            try:
                written = self.line.send(data) if data else 0
            except BlockingIOError:
                written = 0
            self._taken_sequence = sequence
            status = 0 if written == len(data) else _NACK | _UNAVAILABLE
            self._answered = bytearray((0, sequence, written, status))
        # a repetition gets the same answer: who sends the rest anew after the first must not find it taken
        self._session.send_payload(bytearray(self._answered), _SOL, retry=False)

    def _send(self) -> None:
        """Send the next packet, if the last one was acknowledged."""
        if self._sent or not self._waiting:
            return
        self._sent = bytes(self._waiting[:_MOST_DATA_BYTES])
        del self._waiting[:_MOST_DATA_BYTES]
        self._sequence = self._sequence % 15 + 1
        self._transmit()

    def _transmit(self) -> None:
        self._repeat_at = time.monotonic() + _REPEAT_S
        packet = bytearray((self._sequence, 0, 0, 0)) + self._sent
        self._session.send_payload(packet, _SOL, retry=False)
