"""The hardware type ``iboot``: outlets of Dataprobe's iBoot PDUs. Keys are those of Ironic's staging driver.

Follows Dataprobe's DxP protocol: the client says ``hello-000`` on a TCP connection and gets two bytes, the first number of its requests.
A request is a header (command, user, password, what is meant, zero, number) and what belongs to it; the answer to an order is one byte, 0 = done,
to a question one byte per relay, 1 = on. User and password travel in clear: keep the PDU in a network of its own.
"""

import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from controller.bmc.address import parse_address
from controller.bmc.driver_info_values import number, text
from controller.errors import BmcError, BmcUnreachable, Invalid
from controller.hardware.bmc import PowerState
from controller.hardware.interface import Facts
from controller.peers.connections import resolve

_PORT = 9100
_HIGHEST_PORT = 65535
_MOST_RELAYS = 32
_HELLO = b"hello-000"
_HEADER = struct.Struct("<B21s21sBBH")
_FIRST = struct.Struct("<H")
_IO = 3
_CHANGE_RELAY = 1
_GET_RELAYS = 4
_MOST_LOGIN_BYTES = 20
_OFF_S = 5.0
"""An outlet stays off so long in a reset: power supplies live longer than a short cut."""
_NUMBERS = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    address: str
    port: int
    username: str
    password: str = field(repr=False)
    relay: int

    @property
    def where(self) -> str:
        return f"iBoot {self.address} port {self.port} relay {self.relay}"


class IbootDriver:
    """Makes the outlets of iBoot PDUs; calls to one PDU do not overlap."""

    def __init__(self) -> None:
        """Know no PDU yet."""
        self.properties = {
            "iboot_address": f"IP address or host name of the PDU, with its port if it is not {_PORT}. Required.",
            "iboot_username": "User name. Required.",
            "iboot_password": "Password. Required.",
            "iboot_relay_id": "The outlet's number; default 1.",
            "iboot_port": f"TCP port; default {_PORT}.",
        }
        self._locks: dict[tuple[str, int], threading.Lock] = {}
        self._lock = threading.Lock()

    def validate(self, facts: Facts) -> None:
        """See :class:`controller.hardware.interface.Interface`."""
        _parse(facts.driver_info)

    def connect(self, driver_info: dict[str, Any]) -> "IbootOutlet":
        """Return the outlet that ``driver_info`` describes; opens nothing yet.

        Raises:
            Invalid: A key is missing or malformed.
        """
        target = _parse(driver_info)
        with self._lock:
            lock = self._locks.setdefault((target.address, target.port), threading.Lock())
        return IbootOutlet(target, lock)


class IbootOutlet:
    """One outlet; see ``PowerControl`` for what the methods promise."""

    def __init__(self, target: _Target, lock: threading.Lock) -> None:
        """Open nothing yet."""
        self._target = target
        self._lock = lock

    def power_state(self, *, timeout_s: float) -> PowerState:
        """Read the relays."""
        relay = self._target.relay
        state = self._ask(_GET_RELAYS, b"", relay, timeout_s)[relay - 1]
        return {0: PowerState.OFF, 1: PowerState.ON}.get(state, PowerState.ERROR)

    def power_on(self, *, timeout_s: float) -> None:
        """Switch the relay on."""
        self._order(1, timeout_s)

    def power_off(self, *, timeout_s: float) -> None:
        """Switch the relay off."""
        self._order(0, timeout_s)

    def soft_power_off(self, *, timeout_s: float) -> None:  # noqa: ARG002  # as all connections
        """Refuse: a PDU knows no operating system."""
        raise BmcError(
            f"{self._target.where}: a PDU cannot ask the operating system to shut down; shut it down there, or power off"
        )

    def reset(self, *, timeout_s: float) -> None:
        """Switch off, wait, and switch on."""
        ends_at = time.monotonic() + timeout_s
        self.power_off(timeout_s=timeout_s)
        time.sleep(min(_OFF_S, max(ends_at - time.monotonic(), 0)))
        self.power_on(timeout_s=ends_at - time.monotonic())

    def _order(self, state: int, timeout_s: float) -> None:
        if self._ask(_CHANGE_RELAY, bytes((self._target.relay, state)), 1, timeout_s) != b"\0":
            raise BmcError(
                f"{self._target.where}: it refuses the order; check iboot_username, iboot_password and iboot_relay_id"
            )

    def _ask(self, what: int, more: bytes, answer_bytes: int, timeout_s: float) -> bytes:
        """Send one request over a connection of its own and return so many bytes of the answer.

        Raises:
            BmcUnreachable: No whole answer in time.
        """
        target, ends_at = self._target, time.monotonic() + timeout_s
        if timeout_s <= 0 or not self._lock.acquire(timeout=timeout_s):
            raise BmcUnreachable(
                f"{target.where}: not asked within {max(timeout_s, 0):.0f} s: the PDU is busy with an earlier call; try again"
            )
        try:
            address = resolve(target.address, target.port, ends_at - time.monotonic())[0][4][:2]
            left_s = max(ends_at - time.monotonic(), 0.01)
            with socket.create_connection(address, timeout=left_s) as connection:
                connection.sendall(_HELLO)
                (first,) = _FIRST.unpack(_receive(connection, _FIRST.size, ends_at))
                login = (target.username.encode(), target.password.encode())
                connection.sendall(
                    _HEADER.pack(_IO, *login, what, 0, (first + 1) % _NUMBERS) + more
                )
                return _receive(connection, answer_bytes, ends_at)
        except (OSError, EOFError) as error:
            raise BmcUnreachable(
                f"{target.where}: no answer ({error}); check its address and port, that DxP is on, and iboot_username and iboot_password"
            ) from error
        finally:
            self._lock.release()


def _receive(connection: socket.socket, wanted: int, ends_at: float) -> bytes:
    """Return exactly so many bytes.

    Raises:
        EOFError: The PDU ends the connection first.
        TimeoutError: The time is up.
    """
    found = b""
    while len(found) < wanted:
        connection.settimeout(max(ends_at - time.monotonic(), 0.001))
        piece = connection.recv(wanted - len(found))
        if not piece:
            raise EOFError("it ended the connection")
        found += piece
    return found


def _parse(info: dict[str, Any]) -> _Target:
    written = _required(info, "iboot_address")
    address = parse_address(written, "iboot_address")
    return _Target(
        address=address.host,
        port=number(
            info, "iboot_port", default=address.port or _PORT, lowest=1, highest=_HIGHEST_PORT
        ),
        username=_required(info, "iboot_username", max_bytes=_MOST_LOGIN_BYTES),
        password=_required(info, "iboot_password", max_bytes=_MOST_LOGIN_BYTES),
        relay=number(info, "iboot_relay_id", default=1, lowest=1, highest=_MOST_RELAYS),
    )


def _required(info: dict[str, Any], key: str, *, max_bytes: int = 255) -> str:
    found = text(info, key, max_bytes=max_bytes)
    if not found.strip():
        raise Invalid(f"driver_info/{key} is missing; an iBoot needs it")
    return found
