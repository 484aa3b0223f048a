"""A connection's socket, plain or with TLS, that never waits unless it is told until when."""

import select
import selectors
import socket
import ssl
import time

_POLL = {selectors.EVENT_READ: select.POLLIN, selectors.EVENT_WRITE: select.POLLOUT}


class Channel:
    """One connection's bytes."""

    def __init__(self, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Take an accepted connection over."""
        sock.setblocking(False)
        self._is_ready = tls is None
        self._socket = sock
        if tls is not None:
            self._socket = tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        self.events = selectors.EVENT_READ
        """What the last call waits for."""

    def fileno(self) -> int:
        """Return the descriptor; -1 = closed."""
        return self._socket.fileno()

    def shake_hands(self) -> bool:
        """Go on with the TLS handshake; say whether it is done.

        Raises:
            OSError: It failed.
        """
        if not self._is_ready and isinstance(self._socket, ssl.SSLSocket):
            try:
                self._socket.do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
                self._wait_for(error)
                return False
            self._is_ready = True
        return True

    def receive(self, most_bytes: int) -> bytes | None:
        """Return what has come; ``None`` = nothing yet, empty = nothing will.

        Raises:
            OSError: The connection broke.
        """
        try:
            return self._socket.recv(most_bytes)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
            self._wait_for(error)
            return None
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return b""

    def send(self, data: memoryview) -> int:
        """Send a part of ``data`` and return its size; 0 = not now.

        Raises:
            OSError: The connection broke.
        """
        try:
            return self._socket.send(data)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
            self._wait_for(error, selectors.EVENT_WRITE)
            return 0

    def wait(self, timeout_s: float) -> None:
        """Wait until the last call can go on.

        Raises:
            TimeoutError: ``timeout_s`` has passed.
        """
        poll = select.poll()
        poll.register(self._socket, _POLL[self.events])
        if timeout_s <= 0 or not poll.poll(timeout_s * 1000):
            raise TimeoutError("timed out")  # cheroot knows it by this text

    def end_sending(self) -> None:
        """Tell the client that nothing more comes."""
        self._shut_down(socket.SHUT_WR)

    def cut(self) -> None:
        """End the connection for whoever waits for it; it stays to be closed."""
        self._shut_down(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it."""
        self._shut_down(socket.SHUT_RDWR)
        self._socket.close()

    def _wait_for(self, error: OSError, plain: int = selectors.EVENT_READ) -> None:
        if isinstance(error, ssl.SSLWantWriteError):
            self.events = selectors.EVENT_WRITE
        elif isinstance(error, ssl.SSLWantReadError):
            self.events = selectors.EVENT_READ
        else:
            self.events = plain

    def _shut_down(self, how: int) -> None:
        try:
            # Not SSLSocket's: that one forgets TLS, and a thread that is in the middle of it would go on in the clear.
            socket.socket.shutdown(self._socket, how)
        except OSError:  # the client was faster
            return


class Patience:
    """Time that may pass in waiting."""

    def __init__(self) -> None:
        self._deadline = 0.0

    def begin(self, seconds: float) -> None:
        """Allow this much from now on."""
        self._deadline = time.monotonic() + seconds

    @property
    def left_s(self) -> float:
        """What is left of it; may be below 0."""
        return self._deadline - time.monotonic()
