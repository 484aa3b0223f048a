"""The file with the keys of the database's secrets: one key a line in base64, the first seals, all of them open.

There is more than one key only while ``ingot-controller rekey`` is at work. The file is the operator's to keep: a backup of
the database is useless without it, and with it worth as much as the passwords.
"""

import base64
import hashlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from controller.errors import SettingsError

_KEY_BYTES = 32
_HEAD = (
    "# Keys of the secrets in Ingot's database, the first in use. Keep a copy apart from the database's backups:\n"
    "# without it their passwords are lost, and with it they are open.\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One AES-256 key."""

    secret: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """Return what names the key and tells nothing about it."""
        return hashlib.sha256(b"ingot key id" + self.secret).hexdigest()[:12]


def new_key() -> Key:
    """Make a key."""
    return Key(secret=secrets.token_bytes(_KEY_BYTES))


class KeyFile:
    """A key file; it need not exist."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def stamp(self) -> tuple[int, int] | None:
        """Return what changes when the file is written; ``None`` = it does not exist."""
        try:
            state = self.path.stat()
        except FileNotFoundError:
            return None
        return state.st_mtime_ns, state.st_ino

    def load(self) -> tuple[Key, ...]:
        """Return the keys; none = there is no file.

        Raises:
            SettingsError: The file cannot be read or holds something else.
        """
        try:
            lines = self.path.read_text().splitlines()
        except FileNotFoundError:
            return ()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"the key file {self.path} cannot be read: {error}") from error
        words = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        keys = tuple(Key(secret=self._decoded(word)) for word in words)
        if not keys:
            raise SettingsError(
                f"the key file {self.path} has no key in it; put it back from where you keep its copy"
            )
        return keys

    def write(self, keys: Sequence[Key]) -> None:
        """Replace the file at once and for good: whoever reads it finds the old keys or the new ones.

        Raises:
            SettingsError: It cannot be written.
        """
        text = _HEAD + "".join(f"{base64.b64encode(key.secret).decode()}\n" for key in keys)
        new = self.path.with_name(f"{self.path.name}.new")
        try:
            new.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with os.fdopen(os.open(new, flags, mode=0o600), "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise SettingsError(f"the key file {self.path} cannot be written: {error}") from error

    def _decoded(self, word: str) -> bytes:
        try:
            secret = base64.b64decode(word, validate=True)
        except ValueError:
            secret = b""
        if len(secret) != _KEY_BYTES:
            raise SettingsError(
                f"the key file {self.path} has a line that is no key of {_KEY_BYTES} bytes in base64; put the file "
                "back from where you keep its copy"
            )
        return secret
