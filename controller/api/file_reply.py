"""Files as answers, sent by the server without a thread."""

from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

from flask import Response, request

from agent.protocol.http_server.files import FileRange, Transfer


def stream_file(path: Path, *, on_end: Callable[[Transfer], None] | None = None) -> Response:
    """Answer with a file, or with what the request's conditions and range leave of it (RFC 9110 sections 13, 14)."""
    facts = path.stat()
    reply = Response(mimetype="application/octet-stream", direct_passthrough=True)
    reply.content_length = facts.st_size
    reply.last_modified = datetime.fromtimestamp(facts.st_mtime, UTC)
    reply.set_etag(f"{facts.st_ino:x}-{facts.st_size:x}-{facts.st_mtime_ns:x}")
    reply.make_conditional(request, accept_ranges=True, complete_length=facts.st_size)
    if request.method == "GET" and reply.status_code in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        start_byte = (reply.content_range.start if reply.content_range else None) or 0
        reply.response = FileRange(path, start_byte, reply.content_length, on_end)
    return reply
