"""Secrets in the database: sealed on the way in and opened on the way out, so that no other code notices.

AES-256-GCM, each value with a nonce of its own and bound to the name that it stands under. In documents every value is
sealed that would not be shown as it is (``agent/protocol/masking.py``), whole, at the document's first level; the rest can be
read and searched as before. Opening costs some microseconds, so it is done with the row.
"""

import base64
import json
import os
import threading
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import JSON, Dialect, String, Text
from sqlalchemy.types import TypeDecorator

from agent.protocol.masking import masked_value
from controller.errors import SecretsUnreadable
from controller.store.json_text import json_value
from controller.store.key_file import Key, KeyFile

MARK = "ingot-sealed:"
_NONCE_BYTES = 12


class Keyring:
    """The keys of one database; reads its file anew when another program has written it."""

    def __init__(self, file: KeyFile) -> None:
        """Read the file; without one there is no key, and sealing fails."""
        self.file = file
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._keys: tuple[Key, ...] = ()
        self._ciphers: dict[str, AESGCM] = {}
        self._refresh()

    @property
    def ids(self) -> tuple[str, ...]:
        """The names of the keys, the one that seals first."""
        self._refresh()
        return tuple(key.id for key in self._keys)

    def seal(self, plain: str, name: str) -> str:
        """Return ``plain`` sealed with the first key, for the place of this name.

        Raises:
            SecretsUnreadable: There is no key.
        """
        ids = self.ids
        if not ids:
            raise SecretsUnreadable(
                f"there is no key to seal a secret with: the key file {self.file.path} is missing; put it back"
            )
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[ids[0]].encrypt(nonce, plain.encode(), name.encode())
        return f"{MARK}{ids[0]}:{base64.b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, name: str) -> str:
        """Return what was sealed.

        Raises:
            SecretsUnreadable: Its key is not there, or it was damaged or moved to another place.
        """
        key_id, _colon, text = sealed.removeprefix(MARK).partition(":")
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            self._refresh()
            cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise SecretsUnreadable(
                f"the database has a secret ({name}) that was sealed with key {key_id}, which is not in "
                f"{self.file.path}; put back the key file that belongs to this database"
            )
        try:
            content = base64.b64decode(text, validate=True)
            nonce, rest = content[:_NONCE_BYTES], content[_NONCE_BYTES:]
            return cipher.decrypt(nonce, rest, name.encode()).decode()
        except (ValueError, InvalidTag) as error:
            raise SecretsUnreadable(
                f"the database has a secret ({name}) that was damaged; set it anew"
            ) from error

    def _refresh(self) -> None:
        stamp = self.file.stamp()
        if stamp == self._stamp:
            return
        with self._lock:
            keys = self.file.load()
            if keys:  # a running program goes on with the keys it has; the next start says that they are gone
                self._ciphers = {key.id: AESGCM(key.secret) for key in keys}
                self._keys = keys
            self._stamp = stamp


_KEYRINGS: "WeakKeyDictionary[Dialect, Keyring]" = WeakKeyDictionary()
"""Of each engine; a column's type is told the engine's dialect and nothing else."""


def use_keyring(dialect: Dialect, keyring: Keyring) -> None:
    """Have every sealed column of this engine use these keys."""
    _KEYRINGS[dialect] = keyring


def is_sealed(value: object) -> bool:
    """Say whether a stored value is a sealed one."""
    return isinstance(value, str) and value.startswith(MARK)


def must_be_sealed(name: str, value: object) -> bool:
    """Say whether a value is a secret or has one inside; what looks sealed but comes from outside counts too."""
    return is_sealed(value) or masked_value(name, value) != value


class SealedJson(TypeDecorator[Any]):
    """A JSON document whose secret values are sealed."""

    impl = JSON
    cache_ok = True
    opens_in_place = True
    """A document without a secret is stored as it is."""

    def __init__(self) -> None:
        super().__init__(none_as_null=True)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Seal the secrets of a document."""
        if not isinstance(value, dict):
            return value
        return {
            name: keyring_of(dialect).seal(json.dumps(part), name)
            if must_be_sealed(name, part)
            else part
            for name, part in value.items()
        }

    def result_processor(self, dialect: Dialect, coltype: Any) -> Callable[[Any], Any] | None:
        """Return what makes a document of a column: most have no secret, which their text shows before it is read."""
        whole = super().result_processor(dialect, coltype)
        if whole is None or not self.opens_in_place:
            return whole

        def process(raw: Any) -> Any:
            if not isinstance(raw, str) or MARK in raw:
                return whole(raw)
            return {} if raw == "{}" else json_value(raw)

        return process

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Open the secrets of a document."""
        if not isinstance(value, dict):
            return value
        for name, part in value.items():
            if is_sealed(part):
                value[name] = json.loads(keyring_of(dialect).open(part, name))
        return value


class SealedList(SealedJson):
    """A JSON list that is sealed whole if there is a secret in it."""

    cache_ok = True
    opens_in_place = False

    def __init__(self, name: str) -> None:
        """Give the column's name, to which it is bound."""
        super().__init__()
        self.name = name

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Seal the list."""
        is_plain = isinstance(value, list)
        return super().process_bind_param({self.name: value} if is_plain else value, dialect)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Open the list."""
        opened = super().process_result_value(value, dialect)
        return opened[self.name] if isinstance(opened, dict) else opened


class SealedWhole(SealedList):
    """A JSON list that is always sealed: what is secret in it no rule can tell."""

    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Seal the list."""
        if value is None:
            return None
        return {self.name: keyring_of(dialect).seal(json.dumps(value), self.name)}


class SealedText(TypeDecorator[str]):
    """A text that is a secret; an empty one is none."""

    impl = String
    cache_ok = True

    def __init__(self, name: str, length: int | None = None) -> None:
        """Give the column's name, to which its values are bound, and its length; sealed ones are a third longer and 70 more."""
        super().__init__(length)
        self.name = name

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Seal a text."""
        return keyring_of(dialect).seal(value, self.name) if value else value

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Open a text; one of an older version stands there as it is."""
        if value is None or not is_sealed(value):
            return value
        return keyring_of(dialect).open(value, self.name)


class SealedLongText(SealedText):
    """A text of any length that is a secret."""

    impl = Text
    cache_ok = True


def keyring_of(dialect: Dialect) -> Keyring:
    """Return the keys of an engine.

    Raises:
        SecretsUnreadable: It has been given none.
    """
    try:
        return _KEYRINGS[dialect]
    except KeyError:
        raise SecretsUnreadable(
            "the database was opened without its key file, so its secrets can be neither read nor stored"
        ) from None
