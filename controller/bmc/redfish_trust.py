"""Whose certificates a Redfish BMC may show: contexts for TLS, shared by all BMCs that trust the same."""

import ssl
from functools import cache, lru_cache
from pathlib import Path

from controller.peers import connections

_MOST_PATHS = 10_000
"""As many as conversations are kept: each BMC may have a file of its own."""


def trust(verify: bool | str) -> ssl.SSLContext:
    """Return what a BMC with this ``redfish_verify_ca`` is trusted by: the same object until what is named changes.

    The system's authorities take a megabyte, so that each BMC must not have its own.

    Raises:
        OSError: What is named cannot be read; ``ssl.SSLError`` if it has no certificate.
    """
    if verify is True:
        return connections.system_tls()
    if verify is False:
        return _anybody()
    found = Path(verify).stat()
    return _named(verify, found.st_mtime_ns, found.st_ino, found.st_size)


@cache
def _anybody() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@lru_cache(maxsize=_MOST_PATHS)
def _named(path: str, *_version: int) -> ssl.SSLContext:
    """Return what trusts the certificates in a file or folder, of which this is the version that is there."""
    is_folder = Path(path).is_dir()
    context = ssl.create_default_context(
        cafile=None if is_folder else path, capath=path if is_folder else None
    )
    # what is named may be the BMC's own certificate, not only its authority's
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
