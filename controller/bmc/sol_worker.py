"""The program that keeps serial lines over LAN open: a host, and a forked child per BMC (``controller/hardware/console.py``).

A child has one session and one thread. It ends when the controller closes its socket, and when the BMC ends the session or is
silent; whether it is opened again is the controller's business.
"""

import math
import select
import signal
import socket
import sys
import time

import msgspec
from pyghmi.exceptions import PyghmiException

from agent.protocol.foreign_text import clean_line
from controller.bmc.console_orders import next_order
from controller.bmc.ipmi_wire import Login, Outcome
from controller.bmc.ipmi_worker import NONSENSE, warm_up, why
from controller.bmc.sol_session import SolFailed, SolSession
from controller.bmc.sol_stream import SolStream
from controller.hardware.console import (
    DENIED,
    FAILED,
    MOST_PACKET_BYTES,
    OPENED,
    REFUSED,
    SHOWN,
    TYPED,
)
from controller.peers.fork_host import serve_forks

_OPEN_S = 40.0
_CLOSE_S = 6.0
_ASK_AFTER_S = 10.0
_ASK_AGAIN_S = 3.0
_SILENT_S = 30.0
"""So long a BMC may say nothing at all; it is asked whose the console is after ten seconds, and then every three."""
_MOST_WORDS = 300


def main(control_fd: int) -> None:
    """Fork a child for every socket that arrives."""
    prepare()
    serve_forks(control_fd, _serve)


def prepare() -> None:
    """Load what every child needs, once for all."""
    warm_up()


def _serve(channel: socket.socket) -> None:
    order = channel.recv(MOST_PACKET_BYTES)
    if order:
        open_line(channel, msgspec.msgpack.decode(order, type=Login))


def open_line(channel: socket.socket, login: Login) -> None:
    """Open the line and serve it to its end, of which the controller is told; to be called in a process of its own."""
    signal.setitimer(signal.ITIMER_REAL, _OPEN_S)  # its default action is our end
    try:
        session = SolSession(login)
    except SolFailed as error:
        _say(channel, FAILED, str(error).encode())
        return
    except (PyghmiException, OSError) as error:
        _say(channel, *_login_failure(error))
        return
    except NONSENSE as error:
        text = f"the BMC's answer cannot be read ({type(error).__name__})"
        _say(channel, FAILED, text.encode())
        return
    signal.setitimer(signal.ITIMER_REAL, 0)
    _say(channel, OPENED)
    reason = _Line(channel, session).run()
    if reason:
        _say(channel, FAILED, reason.encode())
    signal.setitimer(signal.ITIMER_REAL, _CLOSE_S)
    session.close()


def _login_failure(error: Exception) -> tuple[bytes, bytes]:
    """Return what the controller is told."""
    reply = why(error)
    if reply.outcome is Outcome.SILENCE:
        return FAILED, b"the BMC does not answer; check ipmi_address, ipmi_port and the firewall"
    kind = DENIED if reply.outcome is Outcome.REFUSED else FAILED
    return kind, f"login: {clean_line(reply.text, _MOST_WORDS)}".encode()


class _Line:
    """Carries bytes between the controller and the BMC."""

    def __init__(self, channel: socket.socket, session: SolSession) -> None:
        self._channel, self._session = channel, session
        self._stream = SolStream(session.most_bytes)
        self._asked_at = 0.0
        self._has_ended = False
        self._was_refused = False

    def run(self) -> str:
        """Work until an end; return why it came, empty when the controller wants it."""
        while not self._has_ended:
            now = time.monotonic()
            if reason := self._why_over(now):
                return reason
            for packet in self._stream.packets(now):
                self._session.send(packet)
            self._keep_alive(now)
            ready = self._wait()
            if self._session.fileno() in ready:
                self._receive()
            if events := ready.get(self._channel.fileno()):
                self._read_controller(events)
        return ""

    def _why_over(self, now: float) -> str:
        self._session.is_lost = self._session.is_lost or self._stream.is_inactive
        if self._session.is_lost:
            return "the BMC has given the console to another client"
        if self._stream.is_silent or now - self._session.heard_at > _SILENT_S:
            return "the BMC has fallen silent"
        return ""

    def _keep_alive(self, now: float) -> None:
        is_quiet = now - self._session.heard_at >= _ASK_AFTER_S
        if is_quiet and now - self._asked_at >= _ASK_AGAIN_S:
            self._asked_at = now
            self._session.ask_owner()

    def _wait(self) -> dict[int, int]:
        """Return what has happened, by descriptor; that the controller has gone is noticed with a full queue, too."""
        now = time.monotonic()
        times = [max(self._session.heard_at + _ASK_AFTER_S, self._asked_at + _ASK_AGAIN_S)]
        if (wakes_at := self._stream.wakes_at) is not None:
            times.append(wakes_at)
        has_room = self._stream.room_bytes >= MOST_PACKET_BYTES
        poll = select.poll()
        poll.register(self._session, select.POLLIN)
        poll.register(self._channel, select.POLLIN if has_room else 0)
        return dict(poll.poll(math.ceil(max(0.0, min(times) - now) * 1000)))

    def _receive(self) -> None:
        for packet in self._session.receive():
            shown = self._stream.take(packet, time.monotonic())
            # acknowledged when the controller has it: ``send`` waits while it is behind
            if shown and not _say(self._channel, SHOWN, shown):
                self._has_ended = True
            for answer in self._stream.packets(time.monotonic()):
                self._session.send(answer)
        if self._stream.is_refused != self._was_refused:
            self._was_refused = self._stream.is_refused
            _say(self._channel, REFUSED if self._was_refused else OPENED)

    def _read_controller(self, events: int) -> None:
        order = next_order(self._channel, events)
        if order is None:
            self._has_ended = True
        elif order.startswith(TYPED):
            self._stream.type(order[len(TYPED) :])
        else:
            self._stream.send_break()


def _say(channel: socket.socket, kind: bytes, what: bytes = b"") -> bool:
    """Tell the controller something; false = it is gone."""
    try:
        channel.send(kind + what)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main(int(sys.argv[1]))
