"""Whom the webhook file names; read once, at the start."""

import base64
import binascii
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from controller.errors import SettingsError
from controller.notifications.document import fits
from controller.peers.authorities import read_authorities
from controller.store.item_payload import ITEM_EVENT_TYPES
from controller.store.node_changes import EVENT_TYPES as NODE_EVENT_TYPES

_EVENT_TYPES = (*NODE_EVENT_TYPES, *ITEM_EVENT_TYPES)
MOST_TARGETS = 16
"""Each has a thread, and with PostgreSQL a connection."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PREFIX = "whsec_"
_MAKE_ONE = f"echo {_PREFIX}$(openssl rand -base64 32)"
_LEAST_SECRET_BYTES = 16


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: str
    secret_file: str
    events: list[str] = []
    ca_file: str | None = None


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    webhooks: dict[str, _Entry] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Somebody who is told."""

    name: str
    url: str = field(repr=False)
    """May hold a password."""
    secret: bytes = field(repr=False)
    """What each call is signed with."""
    types: tuple[str, ...] = ()
    """As ``Choice.types``."""
    trusted_pem: str | None = None
    """The only authority that is trusted; ``None`` = those of the system."""


def load_targets(path: str) -> Mapping[str, Target]:
    """Read the file of the setting ``webhook_file``; empty: there is none.

    Raises:
        SettingsError: It, or a file that it names, cannot be read or makes no sense.
    """
    if not path:
        return {}
    try:
        entries = msgspec.convert(tomllib.loads(_text(path)), _File).webhooks
        targets = {name: _target(name, entry) for name, entry in entries.items()}
    except (SettingsError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SettingsError(f"webhook_file {path}: {error}") from error
    if len(targets) > MOST_TARGETS:
        raise SettingsError(
            f"webhook_file {path}: it has {len(targets)} targets, and {MOST_TARGETS} are the most: have one of them pass it"
            " on to others"
        )
    return targets


def secret_of(text: str) -> bytes:
    """Return the key that a secret's text stands for, as the Standard Webhooks write it: the prefix, then base64.

    Without the prefix libraries of the standard take a text as base64, and others as it stands: it would be anybody's guess.

    Raises:
        SettingsError: It has no prefix, is too short, or no base64.
    """
    text = text.strip()
    if not text.startswith(_PREFIX):
        raise SettingsError(
            f"the secret must begin with {_PREFIX} and go on with base64, as the Standard Webhooks have it (where a target gave"
            f" out base64 alone, write {_PREFIX} before it); make one with: {_MAKE_ONE}"
        )
    try:
        secret = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise SettingsError(f"what follows {_PREFIX} in the secret must be base64") from None
    if len(secret) < _LEAST_SECRET_BYTES:
        raise SettingsError(
            f"the secret has {len(secret)} bytes and needs at least {_LEAST_SECRET_BYTES}; make one with: {_MAKE_ONE}"
        )
    return secret


def _target(name: str, entry: _Entry) -> Target:
    if not _NAME.fullmatch(name):
        raise SettingsError(
            f"{name!r} is no name for a target: letters, digits, - and _, at most 64"
        )
    try:
        parts = urlsplit(entry.url)
        is_web = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_web = False
    if not is_web:
        raise SettingsError(f"webhooks.{name}.url must be an http or https URL with a host")
    try:
        secret = secret_of(_text(entry.secret_file))
        pem = None if entry.ca_file is None else _authorities(entry.ca_file)
        _check_events(entry.events)
    except SettingsError as error:
        raise SettingsError(f"webhooks.{name}: {error}") from error
    return Target(
        name=name, url=entry.url, secret=secret, types=tuple(entry.events), trusted_pem=pem
    )


def _authorities(path: str) -> str | None:
    if not path:
        raise SettingsError("ca_file is empty; name a file, or leave the line out")
    return read_authorities("ca_file", path)


def _check_events(patterns: Sequence[str]) -> None:
    """Refuse a pattern that nothing ever fits: its target would hear nothing, and nobody would know."""
    for one in patterns:
        if not any(fits((one,), known) for known in _EVENT_TYPES):
            raise SettingsError(
                f"events: {one!r:.120} fits nothing that is told; there are {', '.join(_EVENT_TYPES)}, and * stands for any letters"
            )


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
