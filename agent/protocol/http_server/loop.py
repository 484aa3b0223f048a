"""The event loop: accepts connections, reads requests until they are complete, sends the ends of answers; one thread.

Nothing here waits for a client. What is bounded is bounded in favour of those who ask for little: when a limit is
reached, the connection that has waited longest of the party that holds the most gives way.
"""

import logging
import selectors
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from agent.protocol.http_server.bounds import Bounds
from agent.protocol.http_server.channel import Channel
from agent.protocol.http_server.connection import Connection, Phase
from agent.protocol.http_server.crowd import Crowd
from agent.protocol.http_server.heads import Head, Refusal, read_head
from agent.protocol.http_server.wake import Wake

_ACCEPTS = 64
"""Connections that are accepted in one go; the others' events come in between."""
_PIECE_BYTES = 64 * 1024
_PIECES = 16
"""Reads of one connection in one go."""
_LOOK_S = 0.5
_LINGER_BYTES = 16 * 1024 * 1024
_BUSY = "Too many requests wait to be served; try again"
_LISTENER = object()

Dispatch = Callable[[Connection, Head, bool], bool]
"""Gives a request (and whether its body is here) to its pool; False = there is no room."""
Look = Callable[[], float]
"""Begins what waits in the pools and may begin; returns after how many seconds to look again at the latest."""


class Loop:
    """All connections that no thread has."""

    def __init__(self, server: Any, bounds: Bounds, dispatch: Dispatch, look: Look) -> None:
        """Prepare; ``server`` is what cheroot's requests ask for their surroundings."""
        self._server, self._bounds, self._dispatch = server, bounds, dispatch
        self._look = look
        self._selector = selectors.DefaultSelector()
        self._wake = Wake(self._selector)
        self._returned: deque[Connection] = deque()
        self._crowd = Crowd(self._selector, bounds)
        self._is_stopping = False
        self._has_ended = threading.Event()
        self._has_ended.set()
        self._accepts_from = 0.0

    @property
    def connections(self) -> int:
        """How many are open, those in threads too."""
        return self._crowd.count

    @property
    def arriving_bytes(self) -> int:
        """What is held of requests that are not complete."""
        return self._crowd.arriving_bytes

    def give_back(self, conn: Connection) -> None:
        """Take a connection back that was answered; from any thread."""
        self._returned.append(conn)
        self._wake()

    def turn_away(self, conn: Connection) -> None:
        """Refuse a request that had to give its place in a pool up; from any thread."""
        conn.is_turned_away = True
        self.give_back(conn)

    def stop(self, timeout_s: float) -> None:
        """End :meth:`run`; from any other thread."""
        self._is_stopping = True
        self._wake()
        self._has_ended.wait(timeout_s)

    def run(self, listener: socket.socket) -> None:
        """Serve until :meth:`stop`."""
        self._has_ended.clear()
        try:
            self._run(listener)
        finally:
            self._has_ended.set()

    def _run(self, listener: socket.socket) -> None:
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ, _LISTENER)
        looked_at = time.monotonic()
        while not self._is_stopping:
            try:
                events = self._selector.select(min(_LOOK_S, self._look()))
                self._wake.is_up()
                for key, _ in events:
                    if key.data is _LISTENER:
                        self._accept(listener)
                    elif key.data is not None and key.data.channel.fileno() >= 0:
                        self._advance(key.data)
                self._wake.clear()
                self._take_back()
                if time.monotonic() - looked_at >= _LOOK_S:
                    looked_at = time.monotonic()
                    self._expire()
            except Exception:  # noqa: BLE001 - a fault of ours with one connection must not end all the others
                self._server.error_log("the event loop met a fault", logging.ERROR, traceback=True)
                self._wake.clear()
                self._wake()  # what was said meanwhile rang no bell
        self._selector.unregister(listener)
        self._crowd.close_waiting()

    def close(self) -> None:
        """Close what is left after the end of :meth:`run`, wherever it is."""
        self._crowd.close_all()
        self._wake.close()
        self._selector.close()

    def _accept(self, listener: socket.socket) -> None:
        if time.monotonic() < self._accepts_from:
            time.sleep(0.001)  # the event stays until descriptors are free again
            return
        for _ in range(_ACCEPTS):
            try:
                sock, address = listener.accept()
            except BlockingIOError:
                return
            except ConnectionError:
                continue
            except (
                OSError
            ) as error:  # no descriptors: let somebody go, and the others be served meanwhile
                self._server.error_log(f"no connection can be accepted: {error}", logging.WARNING)
                self._crowd.make_room()
                self._accepts_from = time.monotonic() + _LOOK_S
                return
            self._welcome(sock, address)

    def _welcome(self, sock: socket.socket, address: tuple[Any, ...]) -> None:
        try:
            channel = Channel(sock, self._server.tls)
        except OSError:  # it has gone already
            sock.close()
            return
        conn = Connection(self._server, channel, address)
        if self._crowd.add(conn):
            self._advance(conn)
        else:
            self._server.complaints.note("the connections are", conn.party)
            self._refuse(conn, "Too many connections are open; try again")

    def _take_back(self) -> None:
        while self._returned:
            conn = self._returned.popleft()
            if conn.is_turned_away:
                self._server.complaints.note("a pool's queue is", conn.party)
                self._refuse(conn, _BUSY)
                continue
            conn.phase = Phase.REPLY
            conn.deadline = time.monotonic() + self._reply_s(conn)
            self._advance(conn)

    def _reply_s(self, conn: Connection) -> float:
        return self._bounds.reply_s + conn.wfile.pending_bytes / self._bounds.reply_rate

    def _advance(self, conn: Connection) -> None:
        """Do what can be done for a connection without waiting."""
        try:
            while self._step(conn):
                pass
        except ssl.SSLError as error:
            self._server.error_log(
                f"connection ended in the TLS handshake: {error}"
                if conn.phase is Phase.HANDSHAKE
                else f"connection ended: {error}",
                logging.INFO,
            )
            self._crowd.close(conn)
        except OSError:
            self._crowd.close(conn)
        except Exception:  # noqa: BLE001 - it is this connection's end, not the loop's
            self._server.error_log("a connection met a fault", logging.ERROR, traceback=True)
            self._crowd.close(conn)

    def _step(self, conn: Connection) -> bool:
        """Take one step; say whether the next can be taken at once."""
        if conn.phase is Phase.HANDSHAKE:
            if conn.channel.shake_hands():
                conn.phase = Phase.REQUEST
                return True
        elif conn.phase is Phase.REQUEST:
            return self._read(conn)
        elif conn.phase is Phase.REPLY:
            if conn.wfile.push():
                return self._after_reply(conn)
        elif conn.phase is Phase.LINGER:
            return self._linger(conn)
        else:
            return False
        self._crowd.wait(conn)
        return False

    def _read(self, conn: Connection) -> bool:
        """Read a request until it is complete, then pass it on."""
        data, before_bytes = conn.rfile.data, len(conn.rfile.data)
        piece: bytes | None = b"-"
        for _ in range(_PIECES):
            if self._is_complete(conn):
                return False
            piece = conn.channel.receive(_PIECE_BYTES)
            if not piece:
                break
            data += piece
        if not before_bytes and data and conn.head is None:
            conn.deadline = time.monotonic() + self._bounds.head_s
        self._crowd.count_arriving(conn, len(data) - before_bytes)
        if conn.channel.fileno() < 0:  # it was the one that had to give way
            return False
        if piece == b"":
            self._crowd.close(conn)
            return False
        if piece is not None and not self._is_complete(conn):
            return True
        if conn.phase is Phase.REQUEST:
            self._crowd.wait(conn)
        return False

    def _is_complete(self, conn: Connection) -> bool:
        """Pass a complete request on, or refuse it; say whether reading has an end here."""
        data, bounds = conn.rfile.data, self._bounds
        try:
            if conn.head is None:
                conn.head = read_head(data, conn.scanned_bytes, bounds.head_bytes)
                conn.scanned_bytes = len(data)
                if conn.head is None:
                    return False
                conn.deadline = time.monotonic() + bounds.body_s
                conn.deadline += (
                    min(conn.head.body_bytes or 0, bounds.ready_bytes) / bounds.body_rate
                )
        except Refusal as refusal:
            self._refuse(conn, str(refusal), refusal.status)
            return True
        head = conn.head
        is_ready = head.body_bytes is not None and head.head_bytes + head.body_bytes <= len(data)
        can_wait = head.body_bytes is not None and head.body_bytes <= bounds.ready_bytes
        if can_wait and not is_ready:
            return False
        self._pass_on(conn, head, is_ready=is_ready)
        return True

    def _pass_on(self, conn: Connection, head: Head, *, is_ready: bool) -> None:
        self._crowd.let_go(conn)
        conn.phase = Phase.BUSY
        if not self._dispatch(conn, head, is_ready):
            self._refuse(conn, _BUSY)

    def _after_reply(self, conn: Connection) -> bool:
        if not conn.is_last:
            conn.begin()
            return True
        if not conn.has_unread_body:
            self._crowd.close(conn)
            return False
        conn.channel.end_sending()
        conn.phase = Phase.LINGER
        conn.deadline = time.monotonic() + self._bounds.linger_s
        return True

    def _linger(self, conn: Connection) -> bool:
        """Throw away what a client still sends: closing at once would lose it the answer."""
        for _ in range(_PIECES):
            piece = conn.channel.receive(_PIECE_BYTES)
            if piece is None:
                self._crowd.wait(conn)
                return False
            conn.lingered_bytes += len(piece)
            if not piece or conn.lingered_bytes > _LINGER_BYTES:
                self._crowd.close(conn)
                return False
        return True

    def _refuse(
        self, conn: Connection, text: str, status: HTTPStatus = HTTPStatus.SERVICE_UNAVAILABLE
    ) -> None:
        self._crowd.let_go(conn)
        if conn.phase is Phase.HANDSHAKE and self._server.tls:
            self._crowd.close(conn)
            return
        try:
            conn.refuse(status, text)
        except OSError:
            self._crowd.close(conn)
            return
        conn.phase = Phase.REPLY
        conn.deadline = time.monotonic() + self._reply_s(conn)
        self._advance(conn)

    def _expire(self) -> None:
        """End what has taken too long."""
        for conn in self._crowd.late(time.monotonic()):
            has_begun = conn.phase is Phase.REQUEST and bool(conn.rfile.data)
            if has_begun:
                text = "The request does not come, or comes too slowly"
                self._refuse(conn, text, HTTPStatus.REQUEST_TIMEOUT)
            else:
                self._crowd.close(conn)
