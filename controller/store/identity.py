"""How rows are named from outside: UUIDs and node names, as pure functions."""

import re
import uuid

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NAME = re.compile(r"[A-Za-z0-9._~-]{1,255}")
_TRAIT = re.compile(r"CUSTOM_[A-Z0-9_]{1,248}|(HW|STORAGE|COMPUTE|MISC)_[A-Z0-9_]{1,250}")
_RESERVED_NAMES = frozenset({"detail"})


def is_uuid(text: str) -> bool:
    """Say whether ``text`` is a UUID in its usual form with hyphens."""
    return _UUID.fullmatch(text) is not None


def new_uuid() -> str:
    """Return a random UUID."""
    return str(uuid.uuid4())


def is_name(text: str) -> bool:
    """Say whether ``text`` has the form of a name: the unreserved characters of URLs (RFC 3986)."""
    return _NAME.fullmatch(text) is not None


def is_legal_name(text: str) -> bool:
    """Say whether ``text`` may name a node: a name that is no UUID and no word of the routes."""
    return is_name(text) and not is_uuid(text) and text not in _RESERVED_NAMES


def is_trait(value: object) -> bool:
    """Say whether ``value`` is a trait: a standard one, or ``CUSTOM_`` and capitals, digits, underscores."""
    return isinstance(value, str) and _TRAIT.fullmatch(value) is not None
