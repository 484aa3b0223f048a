"""A TCP server that takes every connection and sends one byte every few seconds, for ever: an agent or image server gone bad."""

import contextlib
import socket
import threading
import time

_PAUSE_S = 3.0
_WORDS = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Slow: "


class DrippingServer:
    """Listens on a free port of loopback until the process ends."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed: the end
            while True:
                connection, _address = self._listener.accept()
                threading.Thread(target=_drip, args=(connection,), daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()


def _drip(connection: socket.socket) -> None:
    with connection, contextlib.suppress(OSError):
        for byte in _WORDS + b"x" * 10_000:
            connection.send(bytes([byte]))
            time.sleep(_PAUSE_S)
