"""One SSH connection: who it is, now and later on, and that it does not stay without a session."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

import asyncssh

from agent.protocol.http_server.bounds import party
from controller.api.access.principal import Principal
from controller.console_ssh.crowd import Crowd, Guest, Phase
from controller.console_ssh.login import Logins, wanted_of

_OPEN_S = 10.0
"""So long a connection that has logged in may be without a session."""
_LEAVE_S = 5.0
"""So long the client has to hang up after its session."""
_HEAR_S = 1.0
"""So long one that is refused stays, to read why."""
_MOST_TRIES = 3
Ask = Callable[[], Principal | None]


class Connection(asyncssh.SSHServer):
    """What asyncssh asks of one connection; the loop's thread alone calls."""

    def __init__(self, logins: Logins, checkers: Executor, crowd: Crowd) -> None:
        """Begin with nobody."""
        self._logins, self._checkers, self._crowd = logins, checkers, crowd
        self._conn: asyncssh.SSHServerConnection | None = None
        self._guest: Guest | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tries = 0
        self._ask: Ask = _nobody
        self._refusal = ""
        self.node = ""

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Let it in, if there is room."""
        self._conn = conn
        address = conn.get_extra_info("peername")
        self._guest = Guest(party=party(str(address[0])) if address else None, go=self._go)
        why_not = self._crowd.why_not_in(self._guest)
        if why_not is not None:
            self._refusal = why_not
            self._go_after(_HEAR_S if self._crowd.may_hear_why(self._guest) else 0.0, why_not)
            return
        crowded_out = self._crowd.gives_way()
        if crowded_out is not None:
            crowded_out.go("others want to come in; log in again, and faster")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncssh's
        """Forget it."""
        self._stop_timer()
        self._conn = None
        if self._guest is not None:
            self._crowd.leave(self._guest)

    def begin_auth(self, username: str) -> bool:
        """Say whether it has to log in; one that is refused hears it now at the latest."""
        if self._refusal:
            self._go(self._refusal)
            return True
        self.node = wanted_of(username).node
        if self._logins.is_open:
            self._ask = self._logins.everybody
        return not self._logins.is_open

    def auth_completed(self) -> None:
        """Wait for a session, but not for long."""
        self._go_after(
            _OPEN_S, f"no session was opened within {_OPEN_S:g} s; there is nothing else"
        )

    def public_key_auth_supported(self) -> bool:
        """Keys open the port always."""
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002  # asyncssh's
        """Say whether this is an operator's; asyncssh checks that the client has it."""
        return self._know(lambda: self._logins.by_key(key), self._logins.by_key(key), by_key=True)

    def password_auth_supported(self) -> bool:
        """Say whether the API's users have passwords."""
        return self._logins.has_passwords

    async def validate_password(self, username: str, password: str) -> bool:
        """Say whether the API would let them in. The password is kept in memory while they are connected, to be asked about again."""
        self._tries += 1
        user = wanted_of(username).user
        if not user or self._tries > _MOST_TRIES:
            return False

        def ask() -> Principal | None:  # no partial: its repr would hold the password
            return self._logins.by_password(user, password)

        return self._know(ask, await self._in_checkers(ask), by_key=False)

    async def principal(self) -> Principal | None:
        """Return who this is by what the settings' files say now; ``None`` = they would not be let in any more."""
        return await self._in_checkers(self._ask)

    def why_no_session(self) -> str | None:
        """Say why there is no session; ``None`` = it begins now, and :meth:`leave` is to be called after it."""
        if self._guest is None or self._guest.phase is not Phase.ARRIVED:
            return "one session for each connection; log in again for another one"
        why_not = self._crowd.why_no_session(self._guest)
        if why_not is None:
            self._stop_timer()
        return why_not

    def leave(self) -> None:
        """End the connection, if the client does not hang up by itself."""
        if self._guest is not None:
            self._guest.phase = Phase.LEAVING
        self._go_after(_LEAVE_S, "the session is over")

    @property
    def has_session(self) -> bool:
        """Say whether it has one now."""
        return self._guest is not None and self._guest.phase is Phase.IN_SESSION

    def _know(self, ask: Ask, found: Principal | None, *, by_key: bool) -> bool:
        """Note who has shown to be somebody, together with how to ask again; what was noted before does not count any more."""
        if found is None or self._guest is None:
            return False
        self._ask, self._guest.is_operator = ask, by_key
        self._guest.user = None if by_key else found.user
        return True

    async def _in_checkers(self, ask: Ask) -> Principal | None:
        return await asyncio.get_running_loop().run_in_executor(self._checkers, ask)

    def _go(self, why: str) -> None:
        if self._conn is not None:
            self._conn.disconnect(asyncssh.DISC_BY_APPLICATION, why)

    def _go_after(self, delay_s: float, why: str) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._go, why)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


def _nobody() -> Principal | None:
    return None
