"""A TCP server on loopback that does to every connection what a test wrote down, from the first byte on."""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

PAUSE_S = 0.02
"""Between the bytes of a peer that drips."""


@dataclass(kw_only=True)
class EvilServer:
    """``closing`` is set at the end of the test, for scripts that wait."""

    port: int
    requests: list[bytes] = field(default_factory=list)
    flooded_bytes: int = 0
    """So many were sent by :meth:`flood`."""
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def read_request(self, connection: socket.socket) -> None:
        """Read until the end of a request's head."""
        text = b""
        while b"\r\n\r\n" not in text:
            piece = connection.recv(65536)
            if not piece:
                raise OSError("the client has gone")
            text += piece
        self.requests.append(text)

    def drip(self, connection: socket.socket, content: Iterable[int]) -> None:
        """Send one byte after the other, as long as anybody listens."""
        for byte in content:
            connection.sendall(bytes([byte]))
            if self.closing.wait(PAUSE_S):
                return
        self.closing.wait()

    def flood(self, connection: socket.socket, piece: bytes) -> None:
        """Send the same without an end."""
        piece *= max(1, 65536 // len(piece))
        while not self.closing.is_set():
            connection.sendall(piece)
            self.flooded_bytes += len(piece)


Script = Callable[[EvilServer, socket.socket], None]
"""What happens to a connection, which is closed at its end."""


def answer(content: bytes) -> Script:
    """Return a script that answers every request of a connection with these bytes and ends it."""

    def script(server: EvilServer, connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(content)

    return script


@contextmanager
def evil_server(script: Script) -> Iterator[EvilServer]:
    """Run ``script`` for every connection."""

    def answer(connection: socket.socket) -> None:
        with suppress(OSError):  # the client had enough
            script(server, connection)

    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        server = EvilServer(port=listener.getsockname()[1])
        with serving(listener, answer, server.closing):
            yield server


@contextmanager
def serving(
    listener: socket.socket, answer: Callable[[socket.socket], None], closing: threading.Event
) -> Iterator[None]:
    """Have ``answer`` called for every connection in a thread of its own; ``closing`` is set at the end."""
    thread = threading.Thread(target=_accept, args=(listener, answer), daemon=True)
    thread.start()
    try:
        yield
    finally:
        closing.set()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _accept(listener: socket.socket, answer: Callable[[socket.socket], None]) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_run, args=(connection, answer), daemon=True).start()


def _run(connection: socket.socket, answer: Callable[[socket.socket], None]) -> None:
    with connection:
        answer(connection)
