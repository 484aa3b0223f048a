"""Secrets in documents: shown as ``******``, and kept when a client sends the mask back."""

import re
from typing import Any

from controller.errors import Invalid

MASK = "******"

_SECRET_KEY = re.compile(
    r"passw|secret|token|credential|private_key|api_?key|auth_key|hex_kg_key|snmp_.*key|community",
    re.IGNORECASE,
)
_SECRET_NAMES = frozenset({"configdrive", "image_url"})
_URL_PASSWORD = re.compile(r"(?P<head>\w+://[^/@:\s]*):[^@/\s]+@")


def is_secret(key: str) -> bool:
    """Say whether the value under ``key`` must never be shown."""
    return key in _SECRET_NAMES or _SECRET_KEY.search(key) is not None


def masked(document: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of ``document`` with the secrets of every level replaced by ``MASK``.

    Empty values and truth values stay: they say that there is no secret.
    """
    return {key: _masked_value(key, value) for key, value in document.items()}


def unmasked(document: Any, stored: Any, where: str) -> Any:
    """Return ``document`` with every masked value replaced by what ``stored`` has in the same place.

    Args:
        document: What a client sent, perhaps made from what it was shown.
        stored: What is stored in the same place.
        where: Name of the place, for the error.

    Raises:
        Invalid: A secret is the mask although none is stored.
    """
    if not isinstance(document, dict):
        return document
    known = stored if isinstance(stored, dict) else {}
    return {key: _unmasked_value(key, value, known, where) for key, value in document.items()}


def _unmasked_value(key: str, value: Any, known: dict[str, Any], where: str) -> Any:
    if key in known and value == _masked_value(key, known[key]):
        return known[key]
    if value == MASK and is_secret(key):
        raise Invalid(
            f"{where}/{key} is {MASK}, which only stands for a stored secret; send the value"
        )
    return unmasked(value, known.get(key), f"{where}/{key}")


def _masked_value(key: str, value: Any) -> Any:
    if is_secret(key) and value not in (None, "", {}, []) and not isinstance(value, bool):
        return MASK
    if isinstance(value, dict):
        return masked(value)
    if isinstance(value, list):
        return [_masked_value("", item) for item in value]
    if isinstance(value, str) and "@" in value:
        return _URL_PASSWORD.sub(r"\g<head>:" + MASK + "@", value)
    return value
