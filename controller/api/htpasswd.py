"""Users of HTTP basic authentication: an htpasswd file with bcrypt hashes (``htpasswd -B``).

The file is read again when it changes. A password that was right is remembered as a digest, because
bcrypt takes a tenth of a second on purpose.
"""

import hashlib
import hmac
import logging
import re
import secrets
import threading
from pathlib import Path

import bcrypt

from controller.errors import SettingsError

log = logging.getLogger(__name__)

_HASH = re.compile(r"\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}")
_USUAL_COST = "12"
_MAX_REMEMBERED = 1024
_MAX_PASSWORD_BYTES = 72
_SALT_AND_DIGEST = 53
"""Characters of a hash behind its cost."""


class Htpasswd:
    """The users of one htpasswd file; safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            SettingsError: The file cannot be read or has a line that is no ``user:bcrypt-hash``.
        """
        self._path = path
        self._lock = threading.Lock()
        self._key = secrets.token_bytes(32)
        self._remembered: dict[bytes, str] = {}
        self._stamp = stamp_of(path)
        self._hashes = read_hashes(path)

    def accepts(self, user: str, password: str) -> bool:
        """Say whether the user has this password; is as much work for users that do not exist."""
        self._reread()
        digest = hmac.digest(self._key, f"{user}\0{password}".encode(), hashlib.sha256)
        with self._lock:
            if self._remembered.get(digest) == user:
                return True
            expected = self._hashes.get(user)
            compared = expected or self._hash_of_nobody(user)
        secret = password.encode()[:_MAX_PASSWORD_BYTES]
        is_right = bcrypt.checkpw(secret, compared) and expected is not None
        if is_right:
            self._remember(digest, user, expected)
        return is_right

    def _hash_of_nobody(self, user: str) -> bytes:
        """Return a hash that no password has, of the cost of one of the file's: a name always gets the same one."""
        costs = sorted(hashed.split(b"$")[2] for hashed in self._hashes.values())
        choice = hmac.digest(self._key, user.encode(), hashlib.sha256)
        cost = costs[int.from_bytes(choice) % len(costs)] if costs else _USUAL_COST.encode()
        return b"$2b$" + cost + b"$" + b"." * _SALT_AND_DIGEST

    def _remember(self, digest: bytes, user: str, expected: bytes | None) -> None:
        with self._lock:
            if self._hashes.get(user) != expected:
                return
            if len(self._remembered) >= _MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[digest] = user

    def _reread(self) -> None:
        """Read a file that has changed; while it cannot be used, the users before stay, and the log says so once."""
        with self._lock:
            stamp = stamp_of(self._path)
            if stamp == self._stamp:
                return
            self._stamp = stamp
            try:
                self._hashes = read_hashes(self._path)
            except SettingsError as error:
                log.error("%s; the users known before stay", error)  # noqa: TRY400 - the cause is in the message
                return
            self._remembered.clear()


def read_hashes(path: Path) -> dict[str, bytes]:
    """Return the bcrypt hashes of an htpasswd file by user.

    Raises:
        SettingsError: The file cannot be read or has a line that is no ``user:bcrypt-hash``.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"htpasswd_file {path} cannot be read: {error}") from error
    hashes = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        user, colon, hashed = line.strip().partition(":")
        if not colon or not user or not _HASH.fullmatch(hashed):
            raise SettingsError(
                f"{path} line {number} is not user:bcrypt-hash; make it with: htpasswd -B {path} USER"
            )
        hashes[user] = hashed.encode()
    return hashes


def stamp_of(path: Path) -> tuple[int, int, int] | None:
    """Return what changes with the file; ``None`` = it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size, status.st_ino)
