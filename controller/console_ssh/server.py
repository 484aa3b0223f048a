"""The SSH server (asyncssh): one thread with a loop of its own for all sessions; nothing but consoles is served.

Bounds: so many sessions, as many connections that have not logged in yet, half a minute to log in, and four threads that check
passwords. No forwarding, no files, no shell: what is not overridden here is refused by asyncssh.
"""

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import asyncssh

from controller.api.access.principal import Principal
from controller.console_ssh.host_key import host_key
from controller.console_ssh.login import Logins, wanted_of
from controller.console_ssh.session import Process, serve
from controller.errors import SettingsError
from controller.workflow.services import Services

log = logging.getLogger(__name__)

_LOGIN_S = 30.0
_SIGN_OF_LIFE_S = 15.0
_START_S = 10.0
_STOP_S = 5.0
_CHECKERS = 4
_MOST_TRIES = 3


class ConsoleSsh:
    """The port."""

    def __init__(self, services: Services) -> None:
        """Prepare; nothing listens yet.

        Raises:
            SettingsError: A file of the settings cannot be used.
        """
        settings = services.settings
        self._services = services
        self._logins = Logins(settings)
        self._key = host_key(Path(settings.state_directory))
        self._checkers = ThreadPoolExecutor(_CHECKERS, thread_name_prefix="ssh-login")
        self._connections: set[_Login] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self._fault: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._is_stopping = False
        asyncssh.set_log_level(logging.WARNING)

    def start(self) -> None:
        """Listen.

        Raises:
            SettingsError: The port is taken.
        """
        self.keep_alive()
        self._ready.wait(_START_S)
        if self._fault is not None:
            settings = self._services.settings
            raise SettingsError(
                f"cannot listen on {settings.console_ssh_host} port {settings.console_ssh_port} for SSH: {self._fault}"
            ) from self._fault

    def keep_alive(self) -> None:
        """Start the thread, if it does not run."""
        if self._is_stopping or (self._thread and self._thread.is_alive()):
            return
        if self._thread:
            log.error("the SSH server's thread had died; it is started again")
        self._thread = threading.Thread(target=self._run, name="console-ssh", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End all sessions."""
        self._is_stopping = True
        if self._loop is not None and self._loop.is_running():
            self._loop.call_soon_threadsafe(self._loop.stop)
        if self._thread:
            self._thread.join(_STOP_S)
        self._checkers.shutdown(wait=False)

    def _run(self) -> None:
        self._loop = loop = asyncio.new_event_loop()
        try:
            loop.run_until_complete(self._listen())
            self._ready.set()
            loop.run_forever()
            for one in list(self._connections):
                one.abort()
            loop.run_until_complete(asyncio.sleep(0))
        except (OSError, asyncssh.Error) as error:
            self._fault = error
            log.error("the SSH server cannot listen: %s", error)  # noqa: TRY400  # the cause is in the message
        except Exception:  # it is started again
            log.exception("the SSH server met a fault")
        finally:
            self._ready.set()
            loop.close()

    async def _listen(self) -> None:
        settings = self._services.settings
        await asyncssh.listen(
            settings.console_ssh_host,
            settings.console_ssh_port,
            server_factory=partial(_Login, self._logins, self._checkers, self._admit, self._end),
            server_host_keys=[self._key],
            process_factory=self._serve,
            encoding=None,
            line_editor=False,
            login_timeout=_LOGIN_S,
            keepalive_interval=_SIGN_OF_LIFE_S,
            kbdint_auth=False,
            allow_scp=False,
            agent_forwarding=False,
        )
        log.info(
            "consoles by SSH on %s port %d", settings.console_ssh_host, settings.console_ssh_port
        )

    def _admit(self, login: "_Login") -> bool:
        """Say whether one more connection may be, and whether it may have a session."""
        self._connections.add(login)
        most = self._services.settings.console_ssh_sessions
        logged_in = sum(one.is_logged_in for one in self._connections)
        return logged_in <= most and len(self._connections) - logged_in <= most

    def _end(self, login: "_Login") -> None:
        self._connections.discard(login)

    async def _serve(self, process: Process) -> None:
        login = process.get_extra_info("connection").get_owner()
        if not isinstance(login, _Login) or login.principal is None or login.has_session:
            process.exit(1)
            return
        login.has_session = True
        if not self._admit(login):
            most = self._services.settings.console_ssh_sessions
            process.stderr.write(
                f"ingot: {most} sessions are open already (console_ssh_sessions)\r\n".encode()
            )
            process.exit(1)
            return
        log.info(
            "%s is at the console of %s by SSH", login.principal.user or "somebody", login.node
        )
        await serve(self._services, login.principal, login.node, process)


class _Login(asyncssh.SSHServer):
    """One connection until it has logged in, and who it is then."""

    def __init__(
        self, logins: Logins, checkers: ThreadPoolExecutor, admit: object, end: object
    ) -> None:
        self._logins, self._checkers = logins, checkers
        self._admit, self._end = admit, end
        self._conn: asyncssh.SSHServerConnection | None = None
        self._tries = 0
        self.principal: Principal | None = None
        self.node = ""
        self.is_logged_in = self.has_session = False

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._conn = conn
        if callable(self._admit) and not self._admit(self):
            conn.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncssh's
        if callable(self._end):
            self._end(self)

    def abort(self) -> None:
        """Break it off."""
        if self._conn is not None:
            self._conn.abort()

    def begin_auth(self, username: str) -> bool:
        self.node = wanted_of(username).node
        if self._logins.is_open:
            self.principal = self._logins.everybody()
        return not self._logins.is_open

    def auth_completed(self) -> None:
        self.is_logged_in = True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002  # asyncssh's
        self.principal = self._logins.by_key(key)
        return self.principal is not None

    def password_auth_supported(self) -> bool:
        return self._logins.has_passwords

    async def validate_password(self, username: str, password: str) -> bool:
        self._tries += 1
        user = wanted_of(username).user
        if not user or self._tries > _MOST_TRIES:
            return False
        loop = asyncio.get_running_loop()
        check = partial(self._logins.by_password, user, password)
        self.principal = await loop.run_in_executor(self._checkers, check)
        return self.principal is not None
