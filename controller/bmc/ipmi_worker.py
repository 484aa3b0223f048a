"""The program that talks IPMI with pyghmi: a host process, and one forked child per BMC.

Started as ``python -m controller.bmc.ipmi_worker <fd>`` by ``ipmi_pool.py``. pyghmi keeps state for the whole process
and cannot be interrupted: a second session to the same BMC hangs, and so do some failed logins. A process of its own
per BMC makes every fault end: the child has the kernel kill it at the deadline (``ITIMER_REAL``, default action), and
the pool forks another one. The host imports pyghmi once, so a child is a fork, not a start of Python.

Only this module and ``sol_session.py`` know pyghmi. It uses pyghmi's session layer: ``Command`` would ask every BMC for its maker before
each power command and cannot choose a cipher suite.
"""

import contextlib
import hashlib
import hmac
import signal
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from pyghmi.exceptions import PyghmiException
from pyghmi.ipmi.private import session as pyghmi_session

from agent.protocol.foreign_text import clean_line
from controller.bmc.ipmi_wire import MAX_MESSAGE_BYTES, Login, Outcome, Reply, Request
from controller.peers.fork_host import serve_forks

_SHA1, _SHA256 = 1, 256  # as pyghmi's ``attemptedhash`` counts them
_RAKP_HMAC_SHA1 = 1  # IPMI 2.0 table 13-17
_OPEN_SESSION_AUTHENTICATION = 16  # offset of the chosen algorithm, table 13-10
_AES_BYTES = 16
_SUITE_17 = 17
_SUITE_3 = 3
_LOG_OUT_TIMEOUT_S = 2.0
_MOST_WORDS = 300
_MOST_DATA_BYTES = 1024
"""IPMI answers have at most 255 bytes."""
_SLICE_S = 0.02
_PATIENCE = 3
_SILENCE_S = 2.5
"""A request of an open session is given up when pyghmi's wait, growing by 1 s per repetition, exceeds this."""
_REFUSALS = (
    "password",
    "Unauthorized",
    "Invalid role",
    "username",
    "integrity c",
    "requesting priv",
)
"""Words of pyghmi's messages that mean user name, password, Kg or privilege level."""
NONSENSE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    NotImplementedError,
    TypeError,
    ValueError,
    struct.error,
)
"""What pyghmi's parser raises on packets that are not IPMI."""


class _Session(pyghmi_session.Session):  # type: ignore[misc]  # pyghmi has no types
    """pyghmi's session with the cipher suite chosen and the endless login ended."""

    # The process makes one session, and a failed constructor gives no object to ask: hence class attributes.
    suite: int | None = None
    begins_again = True
    """Whether a login in which a packet is lost is begun once more."""
    failure: tuple[str, str | None] = ("timeout", None)
    """What pyghmi said of the failed login, and the message of the handshake it waited for."""

    def _initsession(self) -> None:
        super()._initsession()
        if self.suite == _SUITE_3:
            self.attemptedhash = _SHA1

    def _getmaxtimeout(self) -> float:
        """Give a slow BMC its time: pyghmi's sum is 1 s when the first wait is above its limit."""
        return float(max(super()._getmaxtimeout(), _PATIENCE * pyghmi_session.initialtimeout))

    def onlogon(self, parameter: dict[str, Any]) -> None:
        if "error" in parameter:
            type(self).failure = (str(parameter["error"]), self.sessioncontext)
        super().onlogon(parameter)

    def _got_rmcp_response(self, data: bytes) -> Any:
        """Follow a BMC that chooses SHA-1 although SHA-256 was proposed: pyghmi does not look."""
        is_current = self.sessioncontext == "OPENSESSION" and data[0] == self.rmcptag
        refused = data[1] != 0
        chose_sha1 = not refused and data[_OPEN_SESSION_AUTHENTICATION] == _RAKP_HMAC_SHA1
        if is_current and self.attemptedhash == _SHA256 and (refused or chose_sha1):
            if self.suite == _SUITE_17:
                self.onlogon(
                    {
                        "error": "the BMC does not offer cipher suite 17; remove ipmi_cipher_suite or set 3"
                    }
                )
                return None
            self.attemptedhash = _SHA1
            self._open_rmcpplus_request()  # answers to the first request no longer fit its tag
            return None
        return super()._got_rmcp_response(data)

    def _relog(self) -> Any:
        """End the login when its tries are used up; pyghmi counts on below zero and never ends."""
        if self.logontries <= 0 or not self.begins_again:
            self.onlogon({"error": "timeout"})
            return None
        return super()._relog()


class BmcSession:
    """One logged-in session; made in a process that makes no other."""

    def __init__(self, login: Login, *, first_timeout_s: float, begins_again: bool = True) -> None:
        """Log in; with ``begins_again`` once more if a packet of the login is lost.

        Raises:
            PyghmiException: The login failed; ``_Session.failure`` says why.
        """
        pyghmi_session.initialtimeout = first_timeout_s
        pyghmi_session._io_wait = _wait_in_slices(pyghmi_session._io_wait)  # noqa: SLF001
        _Session.suite, _Session.begins_again = login.cipher_suite, begins_again
        self.session: Any = _Session(
            bmc=login.address,
            userid=login.username,
            password=login.password,
            port=login.port,
            kg=login.kg,
            privlevel=login.privilege_level,
        )
        self.session.maxtimeout = max(_SILENCE_S, first_timeout_s)
        self.session.logontries = 0  # a lost session is replaced by a new process

    def raw(self, netfn: int, command: int, data: Sequence[int]) -> Reply:
        """Send one request and wait for its answer."""
        answer = self.session.raw_command(netfn=netfn, command=command, data=bytes(data))
        if "data" not in answer:  # pyghmi's way to say that the BMC fell silent
            return Reply(outcome=Outcome.SILENCE)
        return Reply(outcome=Outcome.ANSWER, code=answer["code"], data=bytes(answer["data"]))

    def log_out(self) -> None:
        """Give the BMC its session slot back; the session cannot be used afterwards."""
        with contextlib.suppress(PyghmiException, OSError):
            self.session.logout()


def _wait_in_slices(wait: Callable[..., None]) -> Callable[..., None]:
    """Let pyghmi look at its queue every 20 ms while it waits.

    An answer that comes before the wait has begun does not wake it; pyghmi then sits until the repetition, half a
    second or more. Every caller of ``_io_wait`` is a loop, so returning early is safe.
    """

    def sliced(timeout: float, *args: Any, **kwargs: Any) -> None:
        wait(min(timeout, _SLICE_S), *args, **kwargs)

    return sliced


def main(control_fd: int) -> None:
    """Fork a child for every socket that arrives, until the controller is gone."""
    warm_up()
    serve_forks(control_fd, _serve)


def warm_up() -> None:
    """Do once what each child would do first, so that they share what it loads: half of a child's own memory, and of what a login costs."""
    socket.getaddrinfo("127.0.0.1", 623, 0, socket.SOCK_DGRAM)
    block = bytes(_AES_BYTES)
    cipher = Cipher(algorithms.AES(block), modes.CBC(block))
    for context in (cipher.encryptor(), cipher.decryptor()):
        context.update(block)
        context.finalize()
    for digest in (hashlib.sha1, hashlib.sha256):
        hmac.new(block, block, digest).digest()


def _serve(channel: socket.socket) -> None:
    """Carry out requests for one BMC until the pool closes the channel or forgets it."""
    session: BmcSession | None = None
    decoder, encoder = msgspec.msgpack.Decoder(Request), msgspec.msgpack.Encoder()
    while message := _receive(channel):
        request = decoder.decode(message)
        signal.setitimer(signal.ITIMER_REAL, max(request.timeout_s, 0.001))
        try:
            session = session or BmcSession(
                request.login,
                first_timeout_s=request.first_timeout_s,
                begins_again=request.is_last_try,
            )
            reply = session.raw(request.netfn, request.command, request.data)
        except (PyghmiException, OSError) as error:
            reply = Reply(outcome=Outcome.SILENCE, text=str(error)) if session else why(error)
        except NONSENSE as error:
            text = f"the BMC's answer cannot be read ({type(error).__name__}: {error})"
            reply = Reply(outcome=Outcome.FAILED, text=text)
        signal.setitimer(signal.ITIMER_REAL, 0)
        channel.send(encoder.encode(_short(reply)))
        channel.settimeout(request.idle_s)
    if session:
        signal.setitimer(signal.ITIMER_REAL, _LOG_OUT_TIMEOUT_S)
        session.log_out()


def _short(reply: Reply) -> Reply:
    """Return what fits into a message, and into MessagePack: no lone surrogates."""
    return msgspec.structs.replace(
        reply, text=clean_line(reply.text, _MOST_WORDS), data=reply.data[:_MOST_DATA_BYTES]
    )


def _receive(channel: socket.socket) -> bytes:
    """Return the next message; empty = none comes any more."""
    try:
        return channel.recv(MAX_MESSAGE_BYTES)
    except (TimeoutError, ConnectionResetError):
        return b""


def why(error: Exception) -> Reply:
    """Say why the login failed."""
    if isinstance(error, OSError):
        text = f"{error.strerror or error}; check ipmi_address and ipmi_port"
        return Reply(outcome=Outcome.FAILED, text=text)
    text, waited_for = _Session.failure
    if text == "timeout" and waited_for in ("EXPECTINGRAKP2", "EXPECTINGRAKP4"):
        text = "the BMC is there but does not answer this login"
        counts = waited_for == "EXPECTINGRAKP4"
        return Reply(outcome=Outcome.REFUSED, text=text, counts=counts, may_be_loss=True)
    if text == "timeout":
        return Reply(outcome=Outcome.SILENCE)
    refused = any(mark in text for mark in _REFUSALS)
    return Reply(outcome=Outcome.REFUSED if refused else Outcome.FAILED, text=text, counts=refused)


if __name__ == "__main__":
    main(int(sys.argv[1]))
