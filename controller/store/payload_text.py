"""A notification's payload as text: masked, of bounded length, in the envelope of Ironic's objects. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from agent.protocol.masking import masked, may_hold_secrets
from controller.store.json_text import json_text

_MOST_BYTES = 65_536
_TOO_LONG = "left out: the notification would be too long; ask for the {}"


def payload_text(kind: str, version: str, data: Mapping[str, Any], *, of: str) -> str:
    """Return a payload as JSON of bounded length.

    Args:
        kind: Name of its type in Ironic (``PortCRUDPayload``).
        version: Of that type.
        data: Its fields.
        of: What whoever reads words in place of a large field may ask for (``node``).
    """
    text, most_bytes = _enveloped(kind, version, data), _MOST_BYTES
    while len(text.encode()) > _MOST_BYTES:
        most_bytes //= 2  # and again, if masks are longer than what they hide
        left = _without_largest(data, most_bytes, _TOO_LONG.format(of))
        text = _enveloped(kind, version, left)
    return text


def date_text(seconds: float | None) -> str | None:
    """Return a time as payloads have it."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


def _without_largest(data: Mapping[str, Any], most_bytes: int, words: str) -> dict[str, Any]:
    """Return a document that is not too long: a field that is larger than each of those that stay has words in its place."""
    kept = dict(data)
    sizes = {name: len(json_text(value).encode()) for name, value in data.items()}
    left_bytes = sum(sizes.values())
    for name in sorted(sizes, key=lambda one: (sizes[one], one), reverse=True):
        if left_bytes <= most_bytes or sizes[name] <= len(words):
            break
        kept[name] = words
        left_bytes -= sizes[name] - len(words)
    return kept


def _enveloped(kind: str, version: str, data: Mapping[str, Any]) -> str:
    text = json_text(data)
    if may_hold_secrets(text):
        text = json_text(masked(dict(data)))
    head = f'"ironic_object.namespace":"ironic","ironic_object.name":"{kind}","ironic_object.version":"{version}"'
    return f'{{{head},"ironic_object.data":{text}}}'
