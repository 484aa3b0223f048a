"""TLS of the API's server: what the certificate's files and the controller's wishes make of it."""

import ssl
from dataclasses import dataclass
from pathlib import Path

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_SECURE_SUITES = (
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256"
)
"""For TLS 1.2, as Ironic's agent has them; those of TLS 1.3 are OpenSSL's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsTerms:
    """What the server asks of TLS: ``min_version`` is a key of ``VERSIONS``, ``cipher_suites`` a list of OpenSSL's for TLS 1.2."""

    min_version: str = "1.2"
    cipher_suites: str = _SECURE_SUITES


def is_cipher_list(text: str) -> bool:
    """Tell whether OpenSSL finds a cipher in ``text``."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).set_ciphers(text)
    except ssl.SSLError:
        return False
    return True


def server_context(certificate: Path, key: Path, terms: TlsTerms) -> ssl.SSLContext:
    """Return the context of a TLS server.

    Args:
        certificate: PEM file.
        key: PEM file of its key.
        terms: What is asked of TLS.

    Raises:
        OSError: A file cannot be read, or OpenSSL does not take it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = VERSIONS[terms.min_version]
    context.load_cert_chain(certificate, key)
    context.set_ciphers(terms.cipher_suites)
    return context
