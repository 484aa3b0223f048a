"""TLS for the API's server: handshakes happen in the worker threads.

Cheroot's own adapter shakes hands in the thread that accepts connections, where one silent client holds everybody up.
"""

import logging
import ssl
from pathlib import Path
from typing import Any

from cheroot.errors import FatalSSLAlert
from cheroot.makefile import StreamReader, StreamWriter
from cheroot.ssl import Adapter

log = logging.getLogger(__name__)
_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class _TlsSocket(ssl.SSLSocket):
    """A connection whose TLS errors end it quietly instead of being answered with an HTTP error."""

    def recv_into(self, *arguments: Any, **keywords: Any) -> int:
        try:
            return super().recv_into(*arguments, **keywords)
        except (ssl.SSLError, TimeoutError) as error:
            if isinstance(error, TimeoutError) and self.version() is not None:
                raise  # a silent client after the handshake: cheroot's affair
            log.info("connection ended in the TLS handshake", extra={"why": str(error)})
            raise FatalSSLAlert(*error.args) from error


class TlsAdapter(Adapter):
    """Wraps accepted connections; the handshake is part of the first read."""

    def __init__(
        self, certificate: Path, key: Path, *, min_version: str, cipher_suites: str
    ) -> None:
        super().__init__(str(certificate), str(key))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.sslsocket_class = _TlsSocket
        self.context.minimum_version = _VERSIONS[min_version]
        self.context.load_cert_chain(certificate, key)
        if cipher_suites:
            self.context.set_ciphers(cipher_suites)

    def bind(self, sock: Any) -> Any:
        """Return the listening socket as it is; connections are wrapped one by one."""
        return sock

    def wrap(self, sock: Any) -> tuple[ssl.SSLSocket, dict[str, str]]:
        """Return the connection with TLS on top, and what a WSGI application may know of it."""
        wrapped = self.context.wrap_socket(
            sock, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=True
        )
        return wrapped, self.get_environ()

    def get_environ(self) -> dict[str, str]:
        """Return the WSGI variables of a TLS connection."""
        return {"wsgi.url_scheme": "https", "HTTPS": "on"}

    def makefile(self, sock: Any, mode: str = "r", bufsize: int = -1) -> Any:
        """Return a buffered file of the connection."""
        return (StreamReader if "r" in mode else StreamWriter)(sock, mode, bufsize)
