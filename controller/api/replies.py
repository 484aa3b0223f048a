"""Replies: JSON documents, empty ones, links and dates in the shapes of the Ironic API."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import msgspec
from flask import Response

_ENCODER = msgspec.json.Encoder()
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


def iso_date(seconds: float | None) -> str | None:
    """Return seconds since the epoch as an ISO 8601 date in UTC; ``None`` stays ``None``."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
