"""Tells one version of a published file from another, from what its server says; RFC 9110, sections 8.8 and 14.4. Pure."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from agent.images.sources.reply import Reply

_CONTENT_RANGE = re.compile(r"bytes (?P<start>\d+)-(?P<last>\d+)/(?P<total>\d+|\*)$")
_PARTIAL = 206


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What tells one version of a file from another; ``None`` = the server does not say.

    ``server`` is where the redirects ended. Servers that keep the same file tell different ETags and dates of it, so those
    of two servers are not compared; what they send is, by its checksum.
    """

    size_bytes: int | None
    etag: str | None
    last_modified: str | None
    server: str = ""

    def if_range(self, server: str, *, by_date: bool = False) -> str | None:
        """Return the value for ``If-Range``; weak validators are not allowed there (RFC 9110, 13.1.5).

        Args:
            server: Which server will be asked; another one knows no validator of this one.
            by_date: Whether the date may stand in for an ETag: servers behind one name often disagree on it.
        """
        if server != self.server:
            return None
        if self.etag and not self.etag.startswith("W/"):
            return self.etag
        return self.last_modified if by_date else None

    def differs_from(self, other: "Identity", *, by_date: bool = False) -> str | None:
        """Return what differs, in words; only what both sides know is compared, the date only ``by_date``."""
        pairs = [("size", self.size_bytes, other.size_bytes)]
        told: list[tuple[str, str | None, str | None]] = []
        if self.server == other.server:
            told.append(("ETag", self.etag, other.etag))
        if by_date:
            told.append(("Last-Modified", self.last_modified, other.last_modified))
        for name, old, new in (*pairs, *told):
            if old is not None and new is not None and old != new:
                return f"{name} was {old} and is now {new}"
        return None


def server_of(url: str) -> str:
    """Return scheme, host and port of a URL, without credentials."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"


def identity_of(reply: Reply) -> Identity:
    """Return what a reply with status 200 or 206 says about the whole file."""
    size = reply.body_bytes
    if reply.status == _PARTIAL:
        given = _CONTENT_RANGE.match(reply.headers.get("Content-Range", ""))
        is_known = given is not None and given["total"] != "*" and not reply.is_packed
        size = int(given["total"]) if given is not None and is_known else None
    return Identity(
        size_bytes=size,
        etag=reply.headers.get("ETag"),
        last_modified=reply.headers.get("Last-Modified"),
        server=server_of(reply.url),
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
