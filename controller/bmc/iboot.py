"""The hardware type ``iboot``: outlets of Dataprobe's iBoot PDUs. Keys are those of Ironic's staging driver.

Follows Dataprobe's DxP protocol: the client says ``hello-000`` on a TCP connection and gets two bytes, the first number of its requests.
A request is a header (command, user, password, what is meant, zero, number) and what belongs to it; the answer to an order is one byte, 0 = done,
to a question one byte per relay, 1 = on; how many relays there are is not said. After a wrong login it ends the connection without an answer.
User and password travel in clear: keep the PDU in a network of its own.
"""

import socket
import struct
import threading
import time
from dataclasses import dataclass, field, replace
from typing import Any

from controller.bmc.address import parse_address
from controller.bmc.driver_info_values import number, text
from controller.bmc.kept import Kept, digest_of
from controller.bmc.login_hold import LoginHold
from controller.errors import BmcAuthenticationFailed, BmcError, BmcUnreachable, Invalid
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
"""Power supplies live longer than a short cut."""
_NUMBERS = 1 << 16
_PAUSE_S = 0.5
"""Nothing for so long after the first byte: that was the whole answer."""


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


@dataclass(slots=True)
class _Login:
    """One user at one PDU, for all its outlets; used under the PDU's lock."""

    hold: LoginHold = field(default_factory=LoginHold)
    is_known_good: bool = False
    """It was accepted, and no connection has ended without an answer since."""


class IbootDriver:
    """Makes the outlets of iBoot PDUs; calls to one PDU do not overlap."""

    def __init__(self, off_s: float = _OFF_S) -> None:
        """Know no PDU yet.

        Args:
            off_s: An outlet stays off so long in a reset.
        """
        self._off_s = off_s
        self.properties = {
            "iboot_address": f"IP address or host name of the PDU, with its port if it is not {_PORT}. Required.",
            "iboot_username": "User name. Required.",
            "iboot_password": "Password. Required.",
            "iboot_relay_id": "The outlet's number; default 1.",
            "iboot_port": f"TCP port; default {_PORT}.",
        }
        self._locks: Kept[tuple[str, int], threading.Lock] = Kept()
        self._logins: Kept[str, _Login] = Kept()

    def validate(self, facts: Facts) -> None:
        """See :class:`controller.hardware.interface.Interface`."""
        _parse(facts.driver_info)

    def connect(self, driver_info: dict[str, Any]) -> "IbootOutlet":
        """Return the outlet that ``driver_info`` describes; opens nothing yet.

        Raises:
            Invalid: A key is missing or malformed.
        """
        target = _parse(driver_info)
        lock = self._locks.get_or_make((target.address, target.port), threading.Lock)
        login = self._logins.get_or_make(digest_of(replace(target, relay=0)), _Login)
        return IbootOutlet(target, lock, login, self._off_s)


class IbootOutlet:
    """One outlet; see ``PowerControl`` for what the methods promise."""

    def __init__(self, target: _Target, lock: threading.Lock, login: _Login, off_s: float) -> None:
        """Open nothing yet.

        Args:
            target: The outlet.
            lock: Of its PDU.
            login: How it fared there.
            off_s: As for the driver.
        """
        self._target = target
        self._lock = lock
        self._login = login
        self._off_s = off_s

    def power_state(self, *, timeout_s: float) -> PowerState:
        """Read the relays, as far as this one.

        Raises:
            BmcError: The PDU has fewer.
        """
        relay = self._target.relay
        states = self._ask(_GET_RELAYS, b"", relay, timeout_s)
        if len(states) < relay:
            raise BmcError(
                f"{self._target.where}: it has {len(states)} relay{'s' * (len(states) > 1)}; set driver_info/iboot_relay_id to one of them"
            )
        return {0: PowerState.OFF, 1: PowerState.ON}.get(states[relay - 1], PowerState.ERROR)

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
        """Switch off, wait, see that it is off, and switch on; an order whose answer is lost may have been taken all the same.

        Raises:
            BmcError: It did not go off: nothing was reset; or that could not be read, and it was told to switch on.
        """
        ends_at = time.monotonic() + timeout_s
        lost: BmcUnreachable | None = None
        try:
            self.power_off(timeout_s=timeout_s / 3)
        except BmcUnreachable as error:
            lost = error
        time.sleep(min(self._off_s, max(ends_at - time.monotonic(), 0)))
        try:
            state = self.power_state(timeout_s=(ends_at - time.monotonic()) / 2)
        except BmcError:
            self._switch_on_unseen(ends_at - time.monotonic())
            raise
        if state is not PowerState.OFF:
            raise lost or BmcError(
                f"{self._target.where}: it took the order to switch off, but the outlet is not off; look at the PDU itself"
            )
        self.power_on(timeout_s=ends_at - time.monotonic())

    def _switch_on_unseen(self, timeout_s: float) -> None:
        """Switch on an outlet that could not be seen to be off: else the machine would stay off.

        Raises:
            BmcError: Nor could this be done.
        """
        try:
            self.power_on(timeout_s=timeout_s)
        except BmcError as error:
            raise type(error)(
                f"{error}; it was told to switch off before, and may be off: switch it on when it answers again"
            ) from error

    def _order(self, state: int, timeout_s: float) -> None:
        if self._ask(_CHANGE_RELAY, bytes((self._target.relay, state)), 1, timeout_s) != b"\0":
            raise BmcError(
                f"{self._target.where}: it refuses the order; check iboot_username, iboot_password and iboot_relay_id"
            )

    def _ask(self, what: int, more: bytes, answer_bytes: int, timeout_s: float) -> bytes:
        """Send one request and return so many bytes of the answer; fewer, but one at least, if it has no more.

        Raises:
            BmcUnreachable: No answer in time, or the connection ended without one though the login was accepted the last time.
            BmcAuthenticationFailed: The login is refused, or was a moment ago.
        """
        target, ends_at = self._target, time.monotonic() + timeout_s
        if timeout_s <= 0 or not self._lock.acquire(timeout=timeout_s):
            raise BmcUnreachable(
                f"{target.where}: not asked within {max(timeout_s, 0):.0f} s: the PDU is busy with an earlier call; try again"
            )
        try:
            self._login.hold.check(target.where)
            answer = self._talk(what, more, answer_bytes, ends_at)
            if not answer:
                self._note_end()
                raise BmcAuthenticationFailed(
                    f"{target.where}: it ended the connection without an answer, as after a wrong login; check iboot_username and"
                    " iboot_password in driver_info"
                )
            self._login.hold.accepted()
            self._login.is_known_good = True
        except (OSError, EOFError) as error:
            raise BmcUnreachable(
                f"{target.where}: no answer ({error}); check its address and port, and that DxP is on"
            ) from error
        finally:
            self._lock.release()
        return answer

    def _note_end(self) -> None:
        """Count a connection that ended without an answer as a wrong login, unless the login is known to be good.

        Raises:
            BmcUnreachable: It is; only the next such end counts.
        """
        if self._login.is_known_good:
            self._login.is_known_good = False
            raise BmcUnreachable(
                f"{self._target.where}: it ended the connection without an answer, though it took this login before; try again"
            )
        self._login.hold.refused()

    def _talk(self, what: int, more: bytes, answer_bytes: int, ends_at: float) -> bytes:
        """Do the same over a connection of its own; returns nothing if the PDU ends it without an answer."""
        target = self._target
        address = resolve(target.address, target.port, ends_at - time.monotonic())[0][4][:2]
        left_s = max(ends_at - time.monotonic(), 0.01)
        with socket.create_connection(address, timeout=left_s) as connection:
            connection.sendall(_HELLO)
            said = _receive(connection, _FIRST.size, ends_at)
            if len(said) < _FIRST.size:
                raise EOFError("it does not greet")
            (first,) = _FIRST.unpack(said)
            login = (target.username.encode(), target.password.encode())
            connection.sendall(_HEADER.pack(_IO, *login, what, 0, (first + 1) % _NUMBERS) + more)
            return _receive(connection, answer_bytes, ends_at)


def _receive(connection: socket.socket, wanted: int, ends_at: float) -> bytes:
    """Return so many bytes, or those that came before the end or a pause.

    Raises:
        TimeoutError: Nothing came in time.
    """
    found = b""
    while len(found) < wanted:
        left_s = max(ends_at - time.monotonic(), 0.001)
        connection.settimeout(min(left_s, _PAUSE_S) if found else left_s)
        try:
            piece = connection.recv(wanted - len(found))
        except TimeoutError:
            if not found:
                raise
            break
        if not piece:
            break
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
