"""A machine's serial line as its BMC gets it: one socket, whose other end the lab holds."""

import contextlib
import socket
import threading
from collections.abc import Callable

from tests.lab.errors import LabError

_PIECE_BYTES = 4096


class SerialLine:
    """What the machine prints goes out, what the BMC's client types comes in. Any thread may call."""

    def __init__(self, type_bytes: Callable[[bytes], None]) -> None:
        """Plug nothing in yet; ``type_bytes`` takes what was typed, and raises ``LabError`` while the machine is off."""
        self._type = type_bytes
        self._lock = threading.Lock()
        self._ours: socket.socket | None = None

    def plug(self) -> socket.socket:
        """Return the BMC's end of a new line; the line before is unplugged."""
        self.unplug()
        ours, theirs = socket.socketpair()
        with self._lock:
            self._ours = ours
        threading.Thread(target=self._read, args=(ours,), name="serial", daemon=True).start()
        return theirs

    def unplug(self) -> None:
        """Take the line out of the BMC."""
        with self._lock:
            ours, self._ours = self._ours, None
        if ours is not None:
            with contextlib.suppress(OSError):
                ours.shutdown(socket.SHUT_RDWR)  # wakes the reader, which closes it

    def show(self, data: bytes, *, waits: bool = False) -> None:
        """Send what the machine prints; a BMC that does not take it in time misses it, unless ``waits``."""
        with self._lock:
            ours = self._ours
        if ours is None:
            return
        try:
            if waits:
                ours.sendall(data)
            else:
                ours.send(data, socket.MSG_DONTWAIT)
        except OSError:  # full, or the BMC is gone: a serial line does not wait for it
            return

    def _read(self, line: socket.socket) -> None:
        with line, contextlib.suppress(OSError):
            while data := line.recv(_PIECE_BYTES):
                with contextlib.suppress(LabError):  # it is off: nobody reads its line
                    self._type(data)
