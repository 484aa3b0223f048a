"""Errors as HTTP answers: ``{"faultcode": "Client"|"Server", "faultstring": ...}``."""

import logging
from http import HTTPStatus

import msgspec
from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from agent.errors import AgentError
from agent.protocol.commands import Fault

log = logging.getLogger(__name__)


def fault(status: int, message: str) -> Response:
    """Return the answer for an error."""
    is_ours = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    body = Fault(faultcode="Server" if is_ours else "Client", faultstring=message)
    return Response(msgspec.json.encode(body), status, mimetype="application/json")


def answer_errors(app: Flask) -> None:
    """Make ``app`` answer every exception in this shape; Flask hands it the closest handler."""

    @app.errorhandler(AgentError)
    def _on_purpose(error: AgentError) -> Response:
        return fault(error.status, str(error))

    @app.errorhandler(HTTPException)
    def _of_http(error: HTTPException) -> Response:
        response = fault(error.code or 500, f"{error.name}: {error.description}")
        # A redirect's Location and a 405's Allow are part of the answer.
        for name, value in error.get_headers():
            if name.lower() not in {"content-type", "content-length"}:
                response.headers[name] = value
        return response

    @app.errorhandler(Exception)
    def _of_a_bug(error: Exception) -> Response:
        log.error("a bug in the agent's API", exc_info=error)
        return fault(500, f"{type(error).__name__}: {error}; see the agent's log")
