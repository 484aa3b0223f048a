"""TLS to a peer whose very certificate may be trusted: such a one counts whatever name it has, an authority's only with the right name.

Makers give all their BMCs certificates for one name, or for a serial number, and nobody asks them by that.
"""

import hashlib
import ssl

from urllib3.util.ssl_match_hostname import CertificateError, match_hostname

from controller.peers.budget import BudgetedTlsSocket

HOSTNAME_MISMATCH = 62
"""OpenSSL's ``X509_V_ERR_HOSTNAME_MISMATCH``."""


class PinnedTls(ssl.SSLContext):
    """A context that checks names itself, after the handshake."""

    own: frozenset[bytes] = frozenset()
    """SHA-256 of the certificates that are trusted as they are (DER)."""


def pinned_tls() -> PinnedTls:
    """Return a context that trusts nobody yet; ``own`` is the caller's to fill."""
    context = PinnedTls(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # by the socket, which knows the certificate
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.sslsocket_class = _PinnedTlsSocket
    return context


def digest(der: bytes) -> bytes:
    """Return what a certificate is known by."""
    return hashlib.sha256(der).digest()


class _PinnedTlsSocket(BudgetedTlsSocket):
    def do_handshake(self, block: bool = False) -> None:
        """Agree on keys, and check the name of a certificate that is not trusted as it is.

        Raises:
            ssl.SSLCertVerificationError: It is for another name.
        """
        super().do_handshake(block)
        context = self.context
        shown = self.getpeercert(binary_form=True) or b""
        if isinstance(context, PinnedTls) and digest(shown) in context.own:
            return
        try:
            match_hostname(
                self.getpeercert(),  # type: ignore[arg-type]  # urllib3 narrows what ssl promises
                self.server_hostname or "",
                context.hostname_checks_common_name,
            )
        except CertificateError as error:
            refusal = ssl.SSLCertVerificationError(str(error))
            refusal.verify_code = HOSTNAME_MISMATCH
            raise refusal from error
