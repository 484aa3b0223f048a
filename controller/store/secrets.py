"""Secrets in documents: shown as ``******``, and kept when a client sends the mask back."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from controller.errors import Invalid

MASK = "******"

_SECRET_KEY = re.compile(
    r"passw|passphrase|pwd|secret|token|credential|authorization|cookie|community|snmp.*key"
    r"|(private|api|auth|access|hexkg)key"
)
"""Found in a key without its separators: ``ssh_private_key``, ``X-Api-Key``, ``rootpwd``."""
_SEPARATORS = re.compile(r"[ ._-]")
_SECRET_NAMES = frozenset({"configdrive", "image_url"})
_URL_USER = re.compile(r"(?P<scheme>\w+)://(?P<user>[^/\s?#]+)@")
_ARGUMENTS = (
    re.compile(r'(?P<head>(?:^|(?<=\s))(?P<name>[\w.-]+)=)(?P<secret>"[^"]*"|\S+)'),  # kernel
    re.compile(r"(?P<head>[?&](?P<name>[\w.-]+)=)(?P<secret>[^\s&#]+)"),  # query of a URL
)
_Replace = Callable[[str], str]


@lru_cache(maxsize=4096)
def is_secret(key: str) -> bool:
    """Say whether the value under ``key`` must never be shown."""
    plain = _SEPARATORS.sub("", key.lower())
    return key in _SECRET_NAMES or _SECRET_KEY.search(plain) is not None


def masked(document: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of ``document`` with the secrets of every level replaced by ``MASK``.

    Secrets are the values of keys that sound like one, and parts of texts: of URLs the password, or the user if there
    is none (``https://token@host``), and values that sound like one in queries and among kernel arguments. Empty values
    and truth values stay: they say that there is no secret.
    """
    return {key: _masked_value(key, value) for key, value in document.items()}


def unmasked(document: Any, stored: Any, where: str) -> Any:
    """Return ``document`` with every masked value replaced by what ``stored`` has in the same place.

    Args:
        document: What a client sent, perhaps made from what it was shown.
        stored: What is stored in the same place.
        where: Name of the place, for the error.

    Raises:
        Invalid: A mask stands where nothing is stored, or in a text or list that is otherwise changed.
    """
    return _unmasked_value("", document, stored, where)


def _unmasked_value(
    key: str, value: Any, known: Any, where: str, *, is_in_secret: bool = False
) -> Any:
    if known is not None and value == _masked_value(key, known):
        return known
    is_in_secret = is_in_secret or is_secret(key)
    if isinstance(value, dict):
        parts = known if isinstance(known, dict) else {}
        return {
            name: _unmasked_value(
                name, part, parts.get(name), f"{where}/{name}", is_in_secret=is_in_secret
            )
            for name, part in value.items()
        }
    if isinstance(value, list):
        return _unmasked_list(value, known, where, is_in_secret=is_in_secret)
    if isinstance(value, str) and _has_mask(value, is_in_secret=is_in_secret):
        raise Invalid(
            f"{where} has {MASK}, which only stands for the stored secret in an unchanged value; send the secret itself"
        )
    return value


def _unmasked_list(items: list[Any], known: Any, where: str, *, is_in_secret: bool) -> list[Any]:
    """Restore items wherever they have moved; one that was changed only if the list kept its length."""
    stored = known if isinstance(known, list) else []
    places = stored if len(stored) == len(items) else [None] * len(items)
    found = []
    for number, (item, here) in enumerate(zip(items, places, strict=True)):
        twins = [one for one in (here, *stored) if one is not None and item == _masked_item(one)]
        is_clear = bool(twins) and (twins[0] is here or all(one == twins[0] for one in twins))
        place = f"{where}/{number}"
        found.append(
            twins[0]
            if is_clear
            else _unmasked_value("", item, here, place, is_in_secret=is_in_secret)
        )
    return found


def _masked_value(key: str, value: Any) -> Any:
    if is_secret(key) and value not in (None, "", {}, []) and not isinstance(value, bool):
        return MASK
    if isinstance(value, dict):
        return masked(value)
    if isinstance(value, list):
        return [_masked_item(item) for item in value]
    if isinstance(value, str):
        return _replaced(value, lambda _secret: MASK)
    return value


def _masked_item(value: Any) -> Any:
    return _masked_value("", value)


def _has_mask(text: str, *, is_in_secret: bool) -> bool:
    secrets = [text] if is_in_secret else []

    def see(secret: str) -> str:
        secrets.append(secret)
        return secret

    _replaced(text, see)
    return MASK in secrets


def _replaced(text: str, replace: _Replace) -> str:
    """Return ``text`` with the secrets inside of it replaced."""

    def of_url(match: re.Match[str]) -> str:
        user, colon, password = match["user"].partition(":")
        if password:
            password = replace(password)
        elif match["scheme"] in {"http", "https"}:
            user = replace(user)
        return f"{match['scheme']}://{user}{colon}{password}@"

    def of_argument(match: re.Match[str]) -> str:
        secret = replace(match["secret"]) if is_secret(match["name"]) else match["secret"]
        return match["head"] + secret

    if "@" in text:
        text = _URL_USER.sub(of_url, text)
    if "=" in text:
        for pattern in _ARGUMENTS:
            text = pattern.sub(of_argument, text)
    return text
