"""TLS of the API's server: what the certificate's files and the controller's wishes make of it."""

import ssl
from pathlib import Path

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def server_context(
    certificate: Path, key: Path, *, min_version: str, cipher_suites: str
) -> ssl.SSLContext:
    """Return the context of a TLS server.

    Args:
        certificate: PEM file.
        key: PEM file of its key.
        min_version: ``1.2`` or ``1.3``.
        cipher_suites: OpenSSL's list of them; empty = its own.

    Raises:
        OSError: A file cannot be read, or OpenSSL does not take it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[min_version]
    context.load_cert_chain(certificate, key)
    if cipher_suites:
        context.set_ciphers(cipher_suites)
    return context
