"""Opens a screen: the connection to its server, and the handshake with it, within one deadline."""

import ipaddress
import select
import socket
import time
from typing import Any

from agent.protocol.foreign_text import clean_line
from controller.errors import BmcAuthenticationFailed, BmcError, BmcUnreachable
from controller.hardware.screen import Screen
from controller.peers.connections import resolve
from controller.screens.server_handshake import ServerHandshake


def open_screen(screen: Screen, *, timeout_s: float) -> socket.socket:
    """Return a connection to the screen's server, logged in, that does not wait.

    A name that nobody answers for leaves a thread to the system's resolver, which has its own end (``resolv.conf``).

    Raises:
        BmcUnreachable: It does not answer in time.
        BmcError: It speaks no VNC that is understood here, refuses, or is at a place that a node may not name.
        BmcAuthenticationFailed: The password is wrong.
    """
    ends_at = time.monotonic() + timeout_s
    try:
        sock = _connect(screen, ends_at)
    except (OSError, ValueError) as error:  # ValueError: what can be no name
        raise BmcUnreachable(
            f"the screen at {screen.where} cannot be reached: {clean_line(error, 200)}"
        ) from error
    try:
        sock.setblocking(False)
        _shake_hands(sock, screen, ends_at)
    except (OSError, BmcError) as error:
        sock.close()
        if isinstance(error, BmcAuthenticationFailed):
            raise BmcAuthenticationFailed(f"the screen at {screen.where}: {error}") from error
        if isinstance(error, BmcError):
            raise BmcError(f"the screen at {screen.where}: {error}") from error
        raise BmcUnreachable(
            f"the screen at {screen.where}: {clean_line(error, 200) or 'it did not answer in time'}"
        ) from error
    return sock


def _connect(screen: Screen, ends_at: float) -> socket.socket:
    if screen.path:
        sock = socket.socket(socket.AF_UNIX)
        return _connected(sock, screen.path, ends_at)
    failure: OSError = OSError("the name has no address")
    left_s = max(ends_at - time.monotonic(), 0.01)
    for family, kind, number, _, address in resolve(screen.host, screen.port, left_s):
        if not screen.is_trusted:
            _require_elsewhere(screen, str(address[0]))
        try:
            sock = _connected(socket.socket(family, kind, number), address, ends_at)
        except OSError as error:
            failure = error
            continue
        if not screen.is_trusted and _is_here(sock):
            sock.close()
            raise _refusal(screen)
        return sock
    raise failure


def _connected(sock: socket.socket, address: Any, ends_at: float) -> socket.socket:
    try:
        sock.settimeout(max(ends_at - time.monotonic(), 0.01))
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock


def _require_elsewhere(screen: Screen, address: str) -> None:
    """Refuse this machine: who may write ``driver_info`` must not reach the screens of others that programs serve here."""
    found = ipaddress.ip_address(address.partition("%")[0])
    found = getattr(found, "ipv4_mapped", None) or found
    if found.is_loopback or found.is_unspecified or found.is_multicast:
        raise _refusal(screen)


def _is_here(sock: socket.socket) -> bool:
    """Say whether a connection leads to this machine: what connects to an own address has that one itself.

    Not so where the machine has several addresses of one subnet: to the later ones the first one connects. A server that only they reach is not
    known as one of this machine.
    """
    try:
        return bool(sock.getsockname()[0] == sock.getpeername()[0])
    except OSError:  # it is gone already, and the handshake will say so
        return False


def _refusal(screen: Screen) -> BmcError:
    return BmcError(
        f"the screen at {screen.where}: driver_info may name no screen on the controller's own machine; give the"
        " address of the machine that has it"
    )


def _shake_hands(sock: socket.socket, screen: Screen, ends_at: float) -> None:
    handshake = ServerHandshake(screen.password)
    while not handshake.is_done or handshake.output:
        if handshake.output:
            _wait(sock, select.POLLOUT, ends_at)
            del handshake.output[: sock.send(handshake.output)]
            continue
        _wait(sock, select.POLLIN, ends_at)
        data = sock.recv(handshake.wanted_bytes)
        if not data:
            raise ConnectionResetError("it ended the connection before the screen was shown")
        handshake.feed(data)


def _wait(sock: socket.socket, event: int, ends_at: float) -> None:
    poll = select.poll()
    poll.register(sock, event)
    left_s = ends_at - time.monotonic()
    if left_s <= 0 or not poll.poll(left_s * 1000):
        raise TimeoutError("it did not answer in time")
