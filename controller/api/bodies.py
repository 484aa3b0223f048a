"""Request bodies: how large and how deep they may be, and their JSON (limits as in Ironic)."""

import re
from typing import Any

import msgspec

from agent.protocol.foreign_text import Bounds, UnfitDocument, read_document
from controller.errors import Invalid

MAX_DEPTH = 24
_MIB = 1024 * 1024
MOST_BYTES = 65 * _MIB
"""What the HTTP server takes at all; above every limit below, so that these are the ones that answer."""
_DEFAULT_LIMIT_BYTES = 1 * _MIB
_OF_BYTES = re.compile(r"/v1/images/[^/]+/file")
"""Bodies that are no JSON."""
_LIMITS = (
    (re.compile(r"/v1/nodes/[^/]+/states/provision"), 64 * _MIB),
    (re.compile(r"/v1/continue_inspection"), 16 * _MIB),
    (_OF_BYTES, 64 * _MIB),
    (re.compile(r"/v1/heartbeat/[^/]+"), _MIB // 16),
)


_OF_MACHINES = re.compile(r"/v1/continue_inspection")
"""Machines send here what their firmware and disks say of themselves: it is cleaned, not refused."""


class TooDeep(Invalid):
    """The document has more nested containers than any real one."""


def is_json(path: str) -> bool:
    """Say whether the bodies of requests to ``path`` are JSON."""
    return not _OF_BYTES.fullmatch(path)


def limit_bytes(path: str) -> int:
    """Return how large the body of a request to ``path`` may be."""
    for pattern, limit in _LIMITS:
        if pattern.fullmatch(path):
            return limit
    return _DEFAULT_LIMIT_BYTES


def decode(body: bytes) -> Any:
    """Decode a JSON body; an empty one is ``None``.

    Raises:
        TooDeep: More than ``MAX_DEPTH`` containers inside of each other.
        Invalid: Not JSON, or a string that no database can hold.
    """
    if not body.strip():
        return None
    try:
        document = msgspec.json.decode(body)
    except RecursionError:
        raise TooDeep(_too_deep()) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"The body is not valid JSON: {error}") from error
    _check(document, MAX_DEPTH)
    return document


def decode_for(path: str, body: bytes) -> Any:
    """Decode the body of a request to ``path``; raises as :func:`decode`."""
    if not _OF_MACHINES.fullmatch(path):
        return decode(body)
    try:
        return read_document(body, Bounds(most_depth=MAX_DEPTH, most_chars=limit_bytes(path)))
    except UnfitDocument as error:
        raise Invalid(f"The body cannot be read: {error}") from error


def _too_deep() -> str:
    return f"Request body JSON is nested too deeply: more than {MAX_DEPTH} levels"


def _check(value: object, depth: int) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise Invalid("The body has a string with a NUL character, which cannot be stored")
    elif isinstance(value, dict | list):
        if depth == 0:
            raise TooDeep(_too_deep())
        for item in (*value, *value.values()) if isinstance(value, dict) else value:
            _check(item, depth - 1)
