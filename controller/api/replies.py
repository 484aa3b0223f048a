"""Replies: JSON documents, empty ones, links and dates in the shapes of the Ironic API."""

import re
from collections.abc import Sequence
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


class LinksText:
    """Makes ``links`` of the path of an item, as JSON: a long list has thousands, which nobody reads before they are sent."""

    def __init__(self, base_url: str, before: str, after: str = "") -> None:
        """Prepare.

        Args:
            base_url: Scheme, host and port.
            before: What stands before the item in its path: ``nodes/``.
            after: What stands behind it.
        """
        host = _escaped(base_url)
        self._own, self._other = f'[{{"href":"{host}/v1/{before}', f'{{"href":"{host}/{before}'
        self._own_end = f'{after}","rel":"self"}},{self._other}'
        self._other_end = f'{after}","rel":"bookmark"}}]'

    def __call__(self, ident: str) -> msgspec.Raw:
        """Return the links of an item."""
        safe = _escaped(ident) if _UNSAFE.search(ident) else ident
        return msgspec.Raw(f"{self._own}{safe}{self._own_end}{safe}{self._other_end}")

    def of_all(self, idents: Sequence[str]) -> list[msgspec.Raw]:
        """Return the links of each of many."""
        if _UNSAFE.search("".join(idents)):
            return [self(ident) for ident in idents]
        own, between, end = self._own, self._own_end, self._other_end
        return [msgspec.Raw(f"{own}{ident}{between}{ident}{end}") for ident in idents]


def _escaped(text: str) -> str:
    return _ENCODER.encode(text).decode()[1:-1]


def iso_date(seconds: float | None) -> str | None:
    """Return seconds since the epoch as an ISO 8601 date in UTC; ``None`` stays ``None``."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
