"""Whose certificates a BMC may show: contexts for TLS, shared by all BMCs that trust the same, and what to do about one that is refused."""

import os
import re
import ssl
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path
from stat import S_ISDIR

from controller.peers import connections
from controller.peers.http import PeerFailed, PeerMisnamed, PeerNotTrusted
from controller.peers.pinned import digest, pinned_tls

_MOST_PATHS = 10_000
"""As many as conversations are kept: each BMC may have a file of its own."""
_Version = tuple[str, int, int, int]
"""Name, time of the last change in ns, inode and size in bytes."""
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def trust(verify: bool | str) -> ssl.SSLContext:
    """Return what a BMC with this ``redfish_verify_ca`` or ``amt_verify_ca`` is trusted by: the same object until what is named changes.

    The system's authorities take a megabyte, so that each BMC must not have its own.

    Raises:
        OSError: What is named cannot be read; ``ssl.SSLError`` if it has no certificate.
    """
    if verify is True:
        return connections.system_tls()
    if verify is False:
        return _anybody()
    return _named(verify, _version(Path(verify)))


@cache
def _anybody() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _version(path: Path) -> tuple[_Version, ...]:
    """Return what changes with the content of a file, or of any file in a folder: one may be overwritten in its place.

    Raises:
        OSError: It cannot be read.
    """
    found = path.stat()
    versions = [("", found.st_mtime_ns, found.st_ino, found.st_size)]
    if not S_ISDIR(found.st_mode):
        return tuple(versions)
    with os.scandir(path) as files:  # in half the time of pathlib: each request looks
        for one in files:
            with suppress(OSError):  # a link to nowhere, or just removed
                found = one.stat()
                versions.append((one.name, found.st_mtime_ns, found.st_ino, found.st_size))
    return tuple(sorted(versions))


@lru_cache(maxsize=_MOST_PATHS)
def _named(path: str, _version: tuple[_Version, ...]) -> ssl.SSLContext:
    """Return what trusts the certificates in a file or folder, of which this is the version that is there."""
    folder = Path(path) if Path(path).is_dir() else None
    context = pinned_tls()
    context.load_verify_locations(cafile=None if folder else path, capath=path if folder else None)
    context.own = _digests(sorted(folder.iterdir()) if folder else [Path(path)])
    return context


def _digests(files: list[Path]) -> frozenset[bytes]:
    """Return the digests of the certificates in files: what is named may be the BMC's own, not only its authority's.

    What is no certificate, or cannot be read, is passed over, as OpenSSL does in a folder: it is no reason to trust nobody.
    """
    found = set()
    for one in files:
        with suppress(OSError):
            text = one.read_text(encoding="ascii", errors="ignore") if one.is_file() else ""
            for block in _CERTIFICATE.findall(text):
                with suppress(ValueError):
                    found.add(digest(ssl.PEM_cert_to_DER_cert(block)))
    return frozenset(found)


def certificate_advice(error: PeerFailed, key: str, address_key: str) -> str:
    """Return what to do about a certificate that is refused, to follow the error's text; empty where it is another error.

    One whose dates do not fit has its advice in the error itself: which clock, or that it has to be renewed.
    """
    if isinstance(error, PeerMisnamed):
        return f"; ask it by a name in its certificate ({address_key}), or give that very certificate as {key}"
    if isinstance(error, PeerNotTrusted):
        return f"; give its certificate or authority as {key}"
    return ""
