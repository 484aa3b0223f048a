"""Errors as HTTP bodies; the only place that turns one into the other.

Ironic's clients expect the fault as a JSON string inside of a JSON object (``error_message``); the
rejections of malformed bodies are flat.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

import msgspec
from flask import Flask, Response, g, request
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from controller.api.bodies import TooDeep
from controller.api.replies import json_reply
from controller.errors import ControllerError, TemporaryError
from controller.workflow.outage import is_outage

log = logging.getLogger(__name__)

_RETRY_S = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """What the log says of a request; never its query or body."""

    request_id: str
    method: str
    path: str


def install(app: Flask) -> None:
    """Make every error of ``app`` a reply."""

    def answer(error: Exception) -> Response:
        request_id = g.get("request_id", "unknown")
        which = Which(request_id=request_id, method=request.method, path=request.path)
        return reply_to(error, which)

    app.register_error_handler(Exception, answer)


def reply_to(error: Exception, which: Which) -> Response:
    """Return what a request is answered that ended with an error."""
    for kind in type(error).__mro__:
        if kind in _REPLIES:
            return _REPLIES[kind](error, which)
    return _unexpected(error, which)


def fault_reply(message: str, status: int) -> Response:
    """Return the doubly encoded error body."""
    fault = _fault(message, status) | {"debuginfo": None}
    return json_reply({"error_message": msgspec.json.encode(fault).decode()}, status)


def _fault(message: str, status: int) -> dict[str, Any]:
    code = "Server" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "Client"
    return {"faultcode": code, "faultstring": message}


def _flat(error: TooDeep, _which: Which) -> Response:
    return json_reply(_fault(str(error), error.status), error.status)


def _too_large(error: RequestEntityTooLarge, _which: Which) -> Response:
    message = "Request body is too large"
    return json_reply(_fault(message, error.code), error.code)


def _own(error: ControllerError, _which: Which) -> Response:
    reply = fault_reply(str(error), error.status)
    if isinstance(error, TemporaryError):
        reply.headers["Retry-After"] = str(max(1, round(error.delay_s)))
    return reply


def _http(error: HTTPException, which: Which) -> Response:
    if error.response is not None and isinstance(error.response, Response):
        return error.response
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    reply = fault_reply(_http_message(error, status, which), status)
    allowed = [value for name, value in error.get_headers() if name == "Allow"]
    if allowed:
        reply.headers["Allow"] = allowed[0]
    return reply


def _http_message(error: HTTPException, status: int, which: Which) -> str:
    if status == HTTPStatus.NOT_FOUND:
        return f"Nothing is served at {which.path}; GET /v1 lists the resources"
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return f"{which.method} is not possible at {which.path}"
    return f"{HTTPStatus(status).phrase}. {error.description or ''}".strip()


def _taken(_error: IntegrityError, _which: Which) -> Response:
    message = "Another request has just taken this name, UUID or address; read it again and retry"
    return fault_reply(message, HTTPStatus.CONFLICT)


def _unstorable(error: DataError, _which: Which) -> Response:
    message = f"A value cannot be stored: {type(error.orig).__name__}; check lengths and characters"
    return fault_reply(message, HTTPStatus.BAD_REQUEST)


def _of_database(error: SQLAlchemyError, which: Which) -> Response:
    if not is_outage(error):
        return _unexpected(error, which)
    log.error("the database does not answer", exc_info=error, extra=asdict(which))
    kind = type(getattr(error, "orig", None) or error).__name__
    message = f"The database does not answer ({kind}); retry in a few seconds"
    reply = fault_reply(message, HTTPStatus.SERVICE_UNAVAILABLE)
    reply.headers["Retry-After"] = str(_RETRY_S)
    return reply


def _unexpected(error: Exception, which: Which) -> Response:
    log.error("request failed unexpectedly", exc_info=error, extra=asdict(which))
    message = (
        f"Internal error ({type(error).__name__}); the controller's log has the details "
        f"under request {which.request_id}"
    )
    return fault_reply(message, HTTPStatus.INTERNAL_SERVER_ERROR)


_REPLIES: Mapping[type[BaseException], Callable[[Any, Which], Response]] = {
    TooDeep: _flat,
    RequestEntityTooLarge: _too_large,
    ControllerError: _own,
    HTTPException: _http,
    IntegrityError: _taken,
    DataError: _unstorable,
    SQLAlchemyError: _of_database,
}
"""By the kind of error; the nearest one counts."""
