"""What one call to a peer may cost: one deadline and one number of bytes for everything that it does.

The time limits of sockets hold for one read each: a peer that sends a byte now and then never meets them. The sockets here
ask the budget of the call that uses them before every read and write, so that connecting, the TLS handshake, sending, the
answer's head and its body share one deadline. A call runs in one thread; its budget is found by the thread.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class BytesExceeded(OSError):
    """The peer has sent more than it may."""


class AddressRefused(OSError):
    """The peer has an address that this call may not go to."""


class Budget:
    """The time and the bytes that are left of one call."""

    def __init__(self, *, total_s: float, may_connect: Callable[[str], bool] | None = None) -> None:
        """Start the clock; no byte may come before :meth:`allow`.

        Args:
            total_s: Until the deadline.
            may_connect: Says whether an IP address may be called; ``None`` = every one.
        """
        self._may_connect = may_connect
        self._ends_at = time.monotonic() + total_s
        self._bytes_left = 0
        self.bytes_received = 0
        """So far, TLS not counted."""

    @property
    def is_late(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() >= self._ends_at

    @property
    def is_exceeded(self) -> bool:
        """Whether more has come than may."""
        return self._bytes_left < 0

    def check_address(self, address: str) -> None:
        """Refuse an IP address that may not be called.

        Raises:
            AddressRefused: It is one.
        """
        if self._may_connect is not None and not self._may_connect(address):
            raise AddressRefused(f"no call may go to {address}")

    def left_s(self) -> float:
        """Return the seconds until the deadline, above 0.

        Raises:
            TimeoutError: There are none.
        """
        left_s = self._ends_at - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the call's time is up")
        return left_s

    def allow(self, more_bytes: int) -> None:
        """Let so many bytes more come, heads and sizes of chunks included."""
        self._bytes_left += more_bytes

    def count(self, size_bytes: int) -> None:
        """Take note of bytes that have come.

        Raises:
            BytesExceeded: They are too many.
        """
        self.bytes_received += size_bytes
        self._bytes_left -= size_bytes
        if self._bytes_left < 0:
            raise BytesExceeded("the peer has sent more than it may")


_THREAD = threading.local()


@contextmanager
def spending(budget: Budget) -> Iterator[None]:
    """Have every socket that this thread uses in the block spend this budget."""
    _THREAD.budget = budget
    try:
        yield
    finally:
        del _THREAD.budget


def current() -> Budget:
    """Return the budget of this thread's call; sockets are used in calls alone."""
    budget: Budget = _THREAD.budget
    return budget


class BudgetedSocket(socket.socket):
    """A TCP connection."""

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Read as ``socket.recv_into`` does, within the budget."""
        budget = current()
        self.settimeout(budget.left_s())
        size_bytes = super().recv_into(buffer, nbytes, flags)
        budget.count(size_bytes)
        return size_bytes

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send everything; the kernel's time limit holds for the whole."""
        self.settimeout(current().left_s())
        super().sendall(data, flags)


class BudgetedTlsSocket(ssl.SSLSocket):
    """A TLS connection."""

    def do_handshake(self, block: bool = False) -> None:
        """Agree on keys; the library's time limit holds for the whole handshake."""
        self.settimeout(current().left_s())
        super().do_handshake(block)

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        """Read as ``ssl.SSLSocket.recv_into`` does, within the budget."""
        budget = current()
        self.settimeout(budget.left_s())
        size_bytes = super().recv_into(buffer, nbytes, flags)
        budget.count(size_bytes)
        return size_bytes

    def send(self, data: Any, flags: int = 0) -> int:
        """Send a part; ``sendall`` is a loop of these."""
        self.settimeout(current().left_s())
        return super().send(data, flags)
