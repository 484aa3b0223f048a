"""Children of a program of ours, one for each connection, without a start of Python for each.

The host imports what is slow to import once; a child is a fork of it with a packet socket to the controller.
"""

import os
import signal
import socket
import subprocess  # noqa: TID251  # for the type; ``programs.py`` starts it
import sys
import threading
import traceback
from collections.abc import Callable
from typing import NoReturn

from controller.peers import programs

_HOST_TAKES_S = 2.0
"""A host that does not take a socket for so long hangs."""
_HOST_END_S = 2.0


class ForkHost:
    """The controller's side of one host, started when it is first needed. Any thread may call."""

    def __init__(self, module: str) -> None:
        """Start nothing yet; ``module`` calls :func:`serve_forks` when it is run."""
        self._module = module
        self._lock = threading.Lock()
        self._host: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def connect(self) -> socket.socket:
        """Have the host fork a child; return the packet socket to it.

        Raises:
            OSError: Two hosts in turn could not be started, died or hang.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs, self._lock:
                try:
                    socket.send_fds(self._control_socket(), [b"+"], [theirs.fileno()])
                except (BrokenPipeError, ConnectionResetError, TimeoutError):
                    self._end()  # it died or hangs; the next one will do
                    socket.send_fds(self._control_socket(), [b"+"], [theirs.fileno()])
        except BaseException:
            ours.close()
            raise
        return ours

    def close(self) -> None:
        """End the host; its children end with their connections."""
        with self._lock:
            self._end()

    def _control_socket(self) -> socket.socket:
        """Return the connection to the host, started when needed; the lock is held."""
        if self._control is None:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._host = programs.start_module(
                    sys.executable, self._module, descriptor=theirs.fileno()
                )
            ours.settimeout(_HOST_TAKES_S)
            self._control = ours
        return self._control

    def _end(self) -> None:
        if self._control:
            self._control.close()
        if self._host:
            programs.end(self._host, patience_s=_HOST_END_S)
        self._control = self._host = None


def serve_forks(control_fd: int, serve: Callable[[socket.socket], None]) -> None:
    """Fork a child for every socket that arrives, until the controller is gone; what a host does."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are reaped by the kernel
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the controller ends us by closing the socket
    with socket.socket(fileno=control_fd) as control:
        while True:
            message, descriptors, _flags, _address = socket.recv_fds(control, 1, 1)
            if not message:
                return
            if os.fork() == 0:
                control.close()
                _serve_one(descriptors[0], serve)
            os.close(descriptors[0])


def _serve_one(descriptor: int, serve: Callable[[socket.socket], None]) -> NoReturn:
    """Be the child; what goes wrong in it is told on standard error, and is its end."""
    try:
        with socket.socket(fileno=descriptor) as channel:
            serve(channel)
    except Exception:  # noqa: BLE001  # the process ends here in any case
        traceback.print_exc()
    finally:
        os._exit(0)
