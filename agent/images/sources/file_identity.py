"""Tells one version of a published file from another, from what its server says; RFC 9110, sections 8.8 and 14.4. Pure."""

import re
from dataclasses import dataclass

from agent.images.sources.http import Reply

_CONTENT_RANGE = re.compile(r"bytes (?P<start>\d+)-(?P<last>\d+)/(?P<total>\d+|\*)$")
_PARTIAL = 206


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What tells one version of a file from another; ``None`` = the server does not say."""

    size_bytes: int | None
    etag: str | None
    last_modified: str | None

    def if_range(self) -> str | None:
        """Return the value for ``If-Range``; weak validators are not allowed there (RFC 9110, 13.1.5)."""
        if self.etag and not self.etag.startswith("W/"):
            return self.etag
        return self.last_modified

    def differs_from(self, other: "Identity") -> str | None:
        """Return what differs, in words; only what both sides know is compared."""
        pairs = (
            ("size", self.size_bytes, other.size_bytes),
            ("ETag", self.etag, other.etag),
            ("Last-Modified", self.last_modified, other.last_modified),
        )
        for name, old, new in pairs:
            if old is not None and new is not None and old != new:
                return f"{name} was {old} and is now {new}"
        return None


def identity_of(reply: Reply) -> Identity:
    """Return what a reply with status 200 or 206 says about the whole file."""
    size = reply.body_bytes
    if reply.status == _PARTIAL:
        given = _CONTENT_RANGE.match(reply.headers.get("Content-Range", ""))
        size = int(given["total"]) if given and given["total"] != "*" else None
    return Identity(
        size_bytes=size,
        etag=reply.headers.get("ETag"),
        last_modified=reply.headers.get("Last-Modified"),
    )


def wrong_range(reply: Reply, start_byte: int) -> str | None:
    """Return what is wrong with a 206 to a request for the bytes from ``start_byte`` on; ``None`` = nothing."""
    text = reply.headers.get("Content-Range")
    given = _CONTENT_RANGE.match(text or "")
    if given is None:
        return f"status 206 with Content-Range {text!r}"
    start, last = int(given["start"]), int(given["last"])
    if start != start_byte or last < start:
        return f"Content-Range {text!r}"
    if given["total"] != "*" and last >= int(given["total"]):
        return f"Content-Range {text!r}, which ends behind the file"
    if reply.body_bytes not in (None, last + 1 - start):
        return f"Content-Range {text!r} with a Content-Length of {reply.body_bytes}"
    return None
