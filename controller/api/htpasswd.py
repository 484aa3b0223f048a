"""Users of HTTP basic authentication: an htpasswd file with bcrypt hashes (``htpasswd -B``).

The file is read again when it changes. A password that was right is remembered as a digest, because
bcrypt takes a tenth of a second on purpose.
"""

import hashlib
import hmac
import secrets
import threading
from pathlib import Path

import bcrypt

from controller.errors import SettingsError

_PREFIXES = (b"$2y$", b"$2a$", b"$2b$")
_MAX_REMEMBERED = 1024
_MAX_PASSWORD_BYTES = 72


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
        self._stamp = _stamp(path)
        self._hashes = read_hashes(path)
        self._nobody = bcrypt.hashpw(b"nobody", bcrypt.gensalt(rounds=10))

    def accepts(self, user: str, password: str) -> bool:
        """Say whether the user has this password; takes as long for users that do not exist."""
        self._reread()
        digest = hmac.digest(self._key, f"{user}\0{password}".encode(), hashlib.sha256)
        with self._lock:
            if self._remembered.get(digest) == user:
                return True
            expected = self._hashes.get(user)
        secret = password.encode()[:_MAX_PASSWORD_BYTES]
        is_right = bcrypt.checkpw(secret, expected or self._nobody) and expected is not None
        if is_right:
            self._remember(digest, user, expected)
        return is_right

    def _remember(self, digest: bytes, user: str, expected: bytes | None) -> None:
        with self._lock:
            if self._hashes.get(user) != expected:
                return
            if len(self._remembered) >= _MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[digest] = user

    def _reread(self) -> None:
        with self._lock:
            stamp = _stamp(self._path)
            if stamp == self._stamp:
                return
            self._hashes = read_hashes(self._path)
            self._stamp = stamp
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
        if not colon or not user or not hashed.encode().startswith(_PREFIXES):
            raise SettingsError(
                f"{path} line {number} is not user:bcrypt-hash; make it with: htpasswd -B {path} USER"
            )
        hashes[user] = hashed.encode()
    return hashes


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise SettingsError(f"htpasswd_file {path} cannot be read: {error}") from error
    return (status.st_mtime_ns, status.st_size, status.st_ino)
