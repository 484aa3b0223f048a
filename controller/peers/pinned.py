"""TLS to a peer whose very certificate may be trusted: such a one counts whatever name it has, an authority's only with the right name.

Makers give all their BMCs certificates for one name, or for a serial number, and nobody asks them by that.
"""

import hashlib
import re
import ssl
from collections.abc import Mapping
from typing import Any

from urllib3.util.ssl_match_hostname import CertificateError, match_hostname

from controller.peers.budget import BudgetedTlsSocket

HOSTNAME_MISMATCH = 62
"""OpenSSL's ``X509_V_ERR_HOSTNAME_MISMATCH``."""
_WILDCARD = re.compile(r"\*(\.[^.*]+){2,}")
"""With fewer labels behind it, it would be for a whole domain of the Internet, or for any machine of a site (RFC 6125, 7.2)."""


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


def check_name(
    certificate: Mapping[str, Any], hostname: str, *, by_common_name: bool = False
) -> None:
    """Check that a certificate is for a name or address; of wildcards, as OpenSSL does by itself, only a whole left-most label counts.

    Args:
        certificate: As ``getpeercert`` has it.
        hostname: What the peer was asked by.
        by_common_name: Whether the subject's name counts where there are no others.

    Raises:
        CertificateError: It is for another.
    """
    names = certificate.get("subjectAltName", ())
    narrowed = {
        "subjectAltName": tuple((kind, _narrow(name)) for kind, name in names),
        "subject": tuple(
            tuple((kind, _narrow(name)) for kind, name in part)
            for part in certificate.get("subject", ())
        ),
    }
    match_hostname(narrowed, hostname, by_common_name)  # type: ignore[arg-type]  # urllib3 narrows what ssl promises


def _narrow(name: str) -> str:
    """Return a name, and of one whose wildcard is too wide for urllib3 to be asked about it what no host is called."""
    return name if "*" not in name or _WILDCARD.fullmatch(name) else name.replace("*", "<any>")


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
            check_name(
                self.getpeercert() or {},
                self.server_hostname or "",
                by_common_name=context.hostname_checks_common_name,
            )
        except CertificateError as error:
            refusal = ssl.SSLCertVerificationError(str(error))
            refusal.verify_code = HOSTNAME_MISMATCH
            raise refusal from error
