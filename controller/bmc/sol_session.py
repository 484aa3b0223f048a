"""An IPMI session whose SoL payload is active; of pyghmi there is the login and the cipher, not its console.

pyghmi's ``Console`` loses and doubles bytes when packets are lost: of a repetition that has grown it cuts four bytes too many, an
old packet that comes late it takes for a new one, and it waits for an acknowledgement inside the handler of the packet before.
So the bytes are looked after by ``sol_stream.py``, and after the login the socket is read here: pyghmi's own thread is ended.

Made in a process that makes no other session. Follows the IPMI specification 2.0, revision 1.1: 24.1 (Activate Payload), 24.2
(Deactivate Payload), 24.4 (Get Payload Instance Info), 22.19 (Close Session).
"""

import contextlib
import select
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any

from pyghmi.exceptions import PyghmiException
from pyghmi.ipmi.private import session as pyghmi_session

from controller.bmc.ipmi_wire import Login
from controller.bmc.ipmi_worker import NONSENSE, BmcSession

_NETFN_APP = 6
_ACTIVATE, _DEACTIVATE, _INSTANCE_INFO, _CLOSE_SESSION = 0x48, 0x49, 0x4B, 0x3C
_SOL = 1
_ENCRYPTED_AND_SIGNED, _SIGNED = 0xC0, 0x40
_ALREADY_ACTIVE, _NO_ENCRYPTION = 0x80, 0x83
_REFUSALS = {
    0x81: "serial over LAN is disabled; enable it on the BMC, for this user too",
    0x82: "the BMC has as many consoles as it can have",
    0x84: "the BMC wants serial over LAN without encryption to be off; allow it there",
    0xD4: "the user may not open it; raise ipmi_priv_level, or allow the user serial over LAN on the BMC",
}
_FIRST_WAIT_S = 1.0
_TRIES = 8
_TRY_S = 0.7
_PACKET_BYTES = 4096
_HEAD_BYTES = 4
_OWNER_BYTES = 4
_SIZE_AT = 4
_RMCP_PLUS = 6
_LEAST_PACKET_BYTES = 28
_LARGE_BYTES, _SMALL_BYTES = 1024, 64
_LEAST_ANSWER_BYTES = 6


class SolFailed(Exception):
    """The BMC does not open the line; the text says why."""


class SolSession:
    """One session; every method returns at once, or within some seconds where it says so."""

    def __init__(self, login: Login) -> None:
        """Log in and activate the payload; takes half a minute at most, with a silent BMC.

        Another client's console is put off: a controller that has died may have left it.

        Raises:
            PyghmiException: The login failed.
            SolFailed: The BMC refuses serial over LAN, or falls silent.
            OSError: The address cannot be reached.
        """
        self._session: Any = BmcSession(login, first_timeout_s=_FIRST_WAIT_S).session
        self.heard_at = time.monotonic()
        """When the BMC was heard last."""
        self.is_lost = False
        """The console is somebody else's now, as the BMC says."""
        self._came: list[bytes] = []
        self._answer: dict[str, Any] | None = None
        self._socket: socket.socket = self._session.socket
        self._session.sol_handler = self._take_sol
        _end_thread()
        self._session.ipmicallback = self._take_answer
        self.most_bytes = self._activate()

    def fileno(self) -> int:
        """Return the descriptor that is readable when :meth:`receive` has something."""
        return self._socket.fileno()

    def receive(self) -> Sequence[bytes]:
        """Return the SoL packets that have come."""
        while True:
            try:
                data, peer = self._socket.recvfrom(_PACKET_BYTES, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            except ConnectionError:  # ICMP: it may come back
                continue
            if _is_of_session(data):
                with contextlib.suppress(*NONSENSE, PyghmiException):
                    self._session._handle_ipmi_packet(bytearray(data), sockaddr=peer)  # noqa: SLF001
        came, self._came = self._came, []
        return came

    def send(self, packet: bytes) -> None:
        """Send a SoL packet; whether it arrives is not known."""
        self._session.send_payload(bytearray(packet), _SOL, retry=False)

    def ask_owner(self) -> None:
        """Ask whose the console is, which keeps the session alive too; :attr:`is_lost` is set when the answer is another."""
        self._answer = None
        self._send(_INSTANCE_INFO, (_SOL, 1))

    def close(self) -> None:
        """Give the session back, and the payload where it is still ours; takes some seconds at most.

        A BMC deactivates the payload of whoever asks, so who has lost it would put the new owner off.
        """
        if not self.is_lost:
            self._request(_INSTANCE_INFO, (_SOL, 1), tries=1)
        if not self.is_lost:
            self._request(_DEACTIVATE, (_SOL, 1, 0, 0, 0, 0), tries=3)
        identity: int = self._session.sessionid
        self._request(_CLOSE_SESSION, identity.to_bytes(4, "little"), tries=2)

    def _activate(self) -> int:
        """Activate the payload; return how many bytes of data the BMC takes in a packet."""
        protection = _ENCRYPTED_AND_SIGNED
        for _ in range(3):
            answer = self._request(_ACTIVATE, (_SOL, 1, protection, 0, 0, 0), tries=_TRIES)
            if answer is None:
                raise SolFailed("the BMC does not answer Activate Payload")
            code, data = answer["code"], bytes(answer["data"])
            if code == 0 and len(data) >= _LEAST_ANSWER_BYTES:
                return _data_bytes(data[_SIZE_AT : _SIZE_AT + 2])
            if code == _NO_ENCRYPTION:
                protection = _SIGNED
            elif code == _ALREADY_ACTIVE:
                self._request(_DEACTIVATE, (_SOL, 1, 0, 0, 0, 0), tries=_TRIES)
            else:
                words = _REFUSALS.get(code, f"Activate Payload was answered 0x{code:02x}")
                raise SolFailed(f"serial over LAN is refused: {words}")
        raise SolFailed("another client has the console, and the BMC does not put it off")

    def _request(self, command: int, data: Sequence[int], *, tries: int) -> dict[str, Any] | None:
        """Send a request until it is answered; ``None`` = it is not."""
        self._answer = None
        for _ in range(tries):
            self._send(command, data)
            end = time.monotonic() + _TRY_S
            while (left_s := end - time.monotonic()) > 0:
                select.select([self._socket], [], [], left_s)
                self._came = list(self.receive())
                if self._answer is not None and self._answer["command"] == command:
                    return self._answer
        return None

    def _send(self, command: int, data: Sequence[int]) -> None:
        with contextlib.suppress(OSError):
            self._session._send_ipmi_net_payload(  # noqa: SLF001
                _NETFN_APP, command, bytes(data), retry=False
            )

    def _take_sol(self, payload: Any) -> None:
        self.heard_at = time.monotonic()
        if isinstance(payload, dict):  # pyghmi's word for a broken session
            self.is_lost = True
        else:
            self._came.append(bytes(payload))

    def _take_answer(self, answer: dict[str, Any]) -> None:
        self.heard_at = time.monotonic()
        self._answer = answer
        if answer.get("command") != _INSTANCE_INFO or answer.get("code"):
            return
        owner = bytes(answer["data"][:_OWNER_BYTES])
        if len(owner) == _OWNER_BYTES:
            self.is_lost = int.from_bytes(owner, "little") != self._session.sessionid


def _is_of_session(data: bytes) -> bool:
    """Tell an IPMI 2.0 packet with a request's answer or SoL data from what belongs to logins, which anybody could send."""
    if len(data) < _LEAST_PACKET_BYTES or data[:_HEAD_BYTES] != b"\x06\x00\xff\x07":
        return False
    return data[4] == _RMCP_PLUS and data[5] & 0x3F in (0, _SOL)


def _data_bytes(size: bytes) -> int:
    """Return how much data fits into a packet of a size that some BMCs write with the high byte first."""
    sizes = (int.from_bytes(size, order) for order in ("little", "big"))
    return (
        next((one for one in sizes if _HEAD_BYTES < one < _LARGE_BYTES), _SMALL_BYTES) - _HEAD_BYTES
    )


def _end_thread() -> None:
    """End pyghmi's thread, which would read our packets."""
    worker = pyghmi_session.iothread
    worker.running = False
    poke, *_ = pyghmi_session.iosockets
    poke.sendto(b"\x01", (pyghmi_session.myself, poke.getsockname()[1]))
    threading.Thread.join(worker)
