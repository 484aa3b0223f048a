"""The SSH server (asyncssh): one thread with a loop of its own for all sessions; nothing but consoles is served.

Bounds: so many sessions and as many connections without one, and of both a share for each address and user (``crowd.py``); half a minute
to log in, seconds from then to the session and from its end to the end of the connection; four threads that check passwords. Without
descriptors asyncio lets nobody in for a second. No forwarding, no files, no shell: what is not overridden here is refused by asyncssh.
"""

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import asyncssh

from controller.console_ssh.connection import Connection
from controller.console_ssh.crowd import Crowd
from controller.console_ssh.host_key import host_key
from controller.console_ssh.login import Logins
from controller.console_ssh.session import Process, serve
from controller.errors import SettingsError
from controller.workflow.services import Services

log = logging.getLogger(__name__)

_LOGIN_S = 30.0
_SIGN_OF_LIFE_S = 15.0
_START_S = 10.0
_STOP_S = 5.0
_CHECKERS = 4
_CLEAR_S = 1.0


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
        self._crowd = Crowd(settings.console_ssh_sessions)
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
        acceptor: asyncssh.SSHAcceptor | None = None
        try:
            acceptor = loop.run_until_complete(self._listen())
            self._ready.set()
            loop.run_forever()
        except (OSError, asyncssh.Error) as error:
            self._fault = error
            log.error("the SSH server cannot listen: %s", error)  # noqa: TRY400  # the cause is in the message
        except Exception:  # it is started again
            log.exception("the SSH server met a fault")
        finally:
            self._ready.set()
            loop.run_until_complete(self._clear(acceptor))
            loop.close()

    async def _clear(self, acceptor: asyncssh.SSHAcceptor | None) -> None:
        """Leave nothing of this loop: the next thread begins with a port that is free and a crowd that is empty."""
        if acceptor is not None:
            acceptor.close()
        for guest in self._crowd.clear():
            guest.go("the controller ends; log in again")
        await asyncio.sleep(0)
        jobs = asyncio.all_tasks() - {asyncio.current_task()}
        for job in jobs:
            job.cancel()
        if jobs:
            await asyncio.wait(jobs, timeout=_CLEAR_S)

    async def _listen(self) -> asyncssh.SSHAcceptor:
        settings = self._services.settings
        acceptor = await asyncssh.listen(
            settings.console_ssh_host,
            settings.console_ssh_port,
            server_factory=partial(Connection, self._logins, self._checkers, self._crowd),
            server_host_keys=[self._key],
            process_factory=self._serve,
            encoding=None,
            line_editor=False,
            login_timeout=_LOGIN_S,
            keepalive_interval=_SIGN_OF_LIFE_S,
            kbdint_auth=False,
            gss_host=None,
            allow_scp=False,
            agent_forwarding=False,
        )
        log.info(
            "consoles by SSH on %s port %d", settings.console_ssh_host, settings.console_ssh_port
        )
        return acceptor

    async def _serve(self, process: Process) -> None:
        connection = process.get_extra_info("connection").get_owner()
        if not isinstance(connection, Connection):
            process.exit(1)
            return
        why_not = connection.why_no_session()
        if why_not is not None:
            process.stderr.write(f"ingot: {why_not}\r\n".encode())
            process.exit(1)
            if not connection.has_session:
                connection.leave()
            return
        try:
            await serve(self._services, connection.principal, connection.node, process)
        finally:
            connection.leave()
