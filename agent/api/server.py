"""Serves the API: TLS, IPv6 and IPv4 on one socket, few connections and few threads."""

import logging
import threading
from pathlib import Path

from flask import Flask

from agent.api.tls import TlsTerms, server_context
from agent.errors import AgentError
from agent.protocol.http_server.bounds import Bounds, PoolSize
from agent.protocol.http_server.server import BoundedServer
from agent.system.certificate import Certificate

log = logging.getLogger(__name__)
_THREADS = PoolSize(
    threads=16, per_address=12
)  # a waiting request holds one; the controller has one address
_BOUNDS = Bounds(
    body_bytes=96 * 1024 * 1024,  # a config drive of 64 MiB in base64, and the rest of its order
    connections=256,
    idle_s=30.0,
    arriving_bytes=16 * 1024 * 1024,  # memory is what the image is written with
)


class _Server(BoundedServer):
    """Cheroot's server, with the agent's log."""

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        """Log what cheroot reports: mostly clients that hung up or do not trust the certificate."""
        log.log(level, "connection failed", extra={"why": msg.strip()}, exc_info=traceback)


class ApiServer:
    """A running server; ``port`` is the one that it got."""

    def __init__(self, app: Flask, host: str, port: int) -> None:
        self._server = _Server(
            (_usable_host(host), port),
            app,
            pools={"api": _THREADS},
            bounds=_BOUNDS,
            server_name="ingot-agent",
            shutdown_timeout=1,
        )
        self._thread = threading.Thread(target=self._server.serve, name="api server", daemon=True)

    def use_tls(self, certificate: Certificate, terms: TlsTerms) -> None:
        """Serve over TLS; before :meth:`start`."""
        self._server.tls = server_context(certificate.certificate_path, certificate.key_path, terms)

    def start(self) -> int:
        """Listen and serve in the background; return the port.

        Raises:
            OSError: The address cannot be used.
        """
        self._server.prepare()
        self._thread.start()
        return int(self._server.bind_addr[1])

    def must_run(self) -> None:
        """Check that the API is still served.

        Raises:
            AgentError: It is not; the agent must be started again.
        """
        if not self._thread.is_alive():
            raise AgentError("the API's server ended by itself; its log line says why")

    def stop(self) -> None:
        """Stop listening and wait for the running requests, at most a second."""
        self._server.stop()


def _usable_host(host: str) -> str:
    """Return ``0.0.0.0`` instead of ``::`` where the kernel has no IPv6."""
    if host == "::" and not Path("/proc/net/if_inet6").exists():
        return "0.0.0.0"
    return host
