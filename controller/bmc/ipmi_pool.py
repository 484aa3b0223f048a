"""A pool of child processes, each with one pyghmi session to one BMC (see ``ipmi_worker.py`` for why).

A worker is forked at the first call to a BMC, kept while it is used, and let go after ``idle_s`` or when the pool has
more than ``limit`` of them: a thousand nodes do not mean a thousand processes. Its end logs out of the BMC.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from agent.protocol.foreign_text import clean_line
from controller.bmc.ipmi_logins import RefusedLogins, waits
from controller.bmc.ipmi_target import IpmiTarget
from controller.bmc.ipmi_wire import (
    MAX_MESSAGE_BYTES,
    Login,
    Outcome,
    Reply,
    Request,
    login_of,
)
from controller.errors import BmcAuthenticationFailed, BmcError, BmcUnreachable
from controller.peers.fork_host import ForkHost

_FIRST_TIMEOUTS_S = (0.5, 4.0)
"""Wait for a login packet before it counts as lost: by try. The second try is for slow BMCs."""
_QUICK_LOGIN_S = 3.0
"""So long a login takes at most in which each of six packets comes within the wait of the first try."""
_MOST_WORDS = 300
_GRACE_S = 0.5
"""How much later than the child's own deadline the pool stops waiting for it."""


@dataclass(eq=False, slots=True)
class _Slot:
    """The place of one BMC in the pool; ``lock`` keeps its calls apart."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    channel: socket.socket | None = None
    login: Login | None = None
    is_slow: bool = False
    used_at: float = 0.0

    def close(self) -> None:
        if self.channel:
            self.channel.close()
        self.channel = None
        self.login = None


class WorkerPool:
    """Sessions to BMCs, by address, port and user name."""

    def __init__(
        self, *, idle_s: float = 20.0, limit: int = 64, logins: RefusedLogins | None = None
    ) -> None:
        """Start nothing yet.

        Args:
            idle_s: A worker that was not used for this long ends; below the 60 s after which BMCs forget a session.
            limit: Workers beyond this number end as soon as they are idle.
            logins: What was refused; ``None`` = nothing yet.
        """
        self._idle_s = idle_s
        self._limit = limit
        self.logins = logins or RefusedLogins()
        self._slots: dict[tuple[str, int, str], _Slot] = {}
        self._lock = threading.Lock()
        self._host = ForkHost("controller.bmc.ipmi_worker")

    def call(
        self,
        target: IpmiTarget,
        *,
        netfn: int,
        command: int,
        data: Sequence[int],
        timeout_s: float,
        what: str,
    ) -> Reply:
        """Send one request to a BMC and return its answer.

        A session that the BMC has forgotten is replaced by a new one while time is left; so a request may reach the
        BMC twice, which is harmless for chassis commands.

        Raises:
            BmcUnreachable: No answer within ``timeout_s``, the wait for other calls to the same BMC included.
            BmcAuthenticationFailed: The BMC refused the login, now or a moment ago.
            BmcError: The session failed in another way.
        """
        started = time.monotonic()
        end = started + timeout_s
        login = login_of(target)
        reply = Reply(outcome=Outcome.SILENCE)
        with self._slot(target, timeout_s=timeout_s, what=what) as slot:
            tries = self._tries(slot, login)
            for number, first_timeout_s in enumerate(tries, 1):
                remaining_s = end - time.monotonic()
                if remaining_s <= 0:
                    break
                request = Request(
                    login=login,
                    netfn=netfn,
                    command=command,
                    data=tuple(data),
                    timeout_s=remaining_s,
                    first_timeout_s=first_timeout_s,
                    is_last_try=number == len(tries),
                    idle_s=self._idle_s + _GRACE_S,
                )
                reply = self._ask(slot, target, request, what)
                if reply.outcome is Outcome.ANSWER:
                    return reply
                slot.close()
                if reply.outcome is not Outcome.SILENCE and not reply.may_be_loss:
                    break
            held_s = self.logins.refused(target) if reply.counts else 0.0
        waited_s = min(time.monotonic() - started, timeout_s)
        raise _error(target, reply, what=what, waited_s=waited_s, held_s=held_s)

    def close(self) -> None:
        """End every worker and the host."""
        with self._lock:
            slots = list(self._slots.values())
            self._slots.clear()
        for slot in slots:
            with slot.lock:
                slot.close()
        self._host.close()

    @contextlib.contextmanager
    def _slot(self, target: IpmiTarget, *, timeout_s: float, what: str) -> Iterator[_Slot]:
        """Give the BMC's slot to this thread alone."""
        key = (target.address, target.port, target.username)
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
        if not slot.lock.acquire(timeout=timeout_s):
            message = (
                f"BMC {target.where}: {what} did not start within {timeout_s:.0f} s because an earlier command to "
                "this BMC is still waiting for its answer; check the BMC's address, port and firewall"
            )
            raise BmcUnreachable(message)
        try:
            yield slot
        finally:
            slot.used_at = time.monotonic()
            slot.lock.release()
            self._let_go_of_idle_workers()

    def _tries(self, slot: _Slot, login: Login) -> tuple[float, ...]:
        """Return the wait for the first packet of each try; an open session is one try more."""
        is_stale = time.monotonic() - slot.used_at > self._idle_s
        if slot.channel and (is_stale or slot.login != login):
            slot.close()
        tries = _FIRST_TIMEOUTS_S[1:] if slot.is_slow else _FIRST_TIMEOUTS_S
        return (tries[0], *tries) if slot.channel else tries

    def _ask(self, slot: _Slot, target: IpmiTarget, request: Request, what: str) -> Reply:
        """Send a request to the slot's worker, which logs in first where it is a new one.

        A BMC whose login takes longer than a quick try allows gets a patient one the next time; the first quick login ends that, for
        what was lost on the way looks like slowness, too.
        """
        began = time.monotonic()
        is_login = slot.channel is None
        if is_login:
            self.logins.check(target, what)
            self._open(slot, request.login)
        reply = _exchange(slot, request)
        if reply.outcome is Outcome.ANSWER:
            self.logins.accepted(target)
            if is_login:
                slot.is_slow = time.monotonic() - began > _QUICK_LOGIN_S
        return reply

    def _open(self, slot: _Slot, login: Login) -> None:
        """Have the host fork a worker for the slot."""
        slot.channel = self._host.connect()
        slot.login = login

    def _let_go_of_idle_workers(self) -> None:
        """Close workers that are idle for long, and the longest idle ones beyond the limit."""
        with self._lock:
            live = sorted((s for s in self._slots.values() if s.channel), key=lambda s: s.used_at)
        oldest = time.monotonic() - self._idle_s
        for index, slot in enumerate(live):
            is_surplus = len(live) - index > self._limit
            if (is_surplus or slot.used_at < oldest) and slot.lock.acquire(blocking=False):
                slot.close()
                slot.lock.release()


def _exchange(slot: _Slot, request: Request) -> Reply:
    """Send a request to the slot's worker; a worker that ends or stays silent is silence of the BMC."""
    channel = slot.channel
    if channel is None:
        raise RuntimeError("the slot has no worker")
    channel.settimeout(request.timeout_s + _GRACE_S)
    try:
        channel.send(msgspec.msgpack.encode(request))
        message = channel.recv(MAX_MESSAGE_BYTES)
    except (BrokenPipeError, ConnectionResetError, TimeoutError):
        message = b""
    try:
        return msgspec.msgpack.decode(message, type=Reply)
    except msgspec.DecodeError:  # nothing came, or not a whole one
        return Reply(outcome=Outcome.SILENCE)


def _error(
    target: IpmiTarget, reply: Reply, *, what: str, waited_s: float, held_s: float
) -> BmcError:
    said = clean_line(reply.text, _MOST_WORDS)
    match reply.outcome:
        case Outcome.REFUSED:
            return BmcAuthenticationFailed(
                f"BMC {target.where}: {what}: login of user {target.username!r} refused: {said}; "
                f"check ipmi_username, ipmi_password and ipmi_priv_level in driver_info{waits(held_s) if held_s else ''}"
            )
        case Outcome.FAILED:
            return BmcError(f"BMC {target.where}: {what} failed: {said}")
        case _:
            return BmcUnreachable(
                f"BMC {target.where}: {what}: no answer within {waited_s:.1f} s; check the address, the port and the "
                "firewall, and that IPMI over LAN is enabled on the BMC"
            )
