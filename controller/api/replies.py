"""Replies: JSON documents, empty ones, links and dates in the shapes of the Ironic API."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import msgspec
from flask import Response

_ENCODER = msgspec.json.Encoder()
_UNSAFE = re.compile(r'["\\\x00-\x1f]')
Links = list[dict[str, str]]


def json_reply(document: Any, status: int = HTTPStatus.OK, location: str | None = None) -> Response:
    """Return ``document`` as JSON."""
    reply = Response(_ENCODER.encode(document), status=status, content_type="application/json")
    if location is not None:
        reply.headers["Location"] = location
    return reply


def empty_reply(status: int = HTTPStatus.NO_CONTENT, location: str | None = None) -> Response:
    """Return a reply without a body."""
    reply = Response(status=status)
    reply.headers.pop("Content-Type", None)
    if location is not None:
        reply.headers["Location"] = location
    return reply


def links(base_url: str, path: str) -> Links:
    """Return the ``self`` and ``bookmark`` links of ``path`` (``nodes/<uuid>``)."""
    return [
        {"href": f"{base_url}/v1/{path}", "rel": "self"},
        {"href": f"{base_url}/{path}", "rel": "bookmark"},
    ]


def links_text(base_url: str, before: str, after: str = "") -> Callable[[str], msgspec.Raw]:
    """Return what makes ``links`` of the path of an item, as JSON: a long list has thousands, which nobody reads before they are sent.

    Args:
        base_url: Scheme, host and port.
        before: What stands before the item in its path: ``nodes/``.
        after: What stands behind it.
    """
    host = _escaped(base_url)
    own, other = f'[{{"href":"{host}/v1/{before}', f'{{"href":"{host}/{before}'
    own_end, other_end = f'{after}","rel":"self"}},', f'{after}","rel":"bookmark"}}]'

    def made(ident: str) -> msgspec.Raw:
        safe = _escaped(ident) if _UNSAFE.search(ident) else ident
        return msgspec.Raw(f"{own}{safe}{own_end}{other}{safe}{other_end}")

    return made


def _escaped(text: str) -> str:
    return _ENCODER.encode(text).decode()[1:-1]


def iso_date(seconds: float | None) -> str | None:
    """Return seconds since the epoch as an ISO 8601 date in UTC; ``None`` stays ``None``."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
