"""The agent's REST API: decode a request, call one function, encode its result.

Routes, shapes and status codes are those of the Ironic agent API v1; ``DELETE`` of a command, which asks it to stop, is ours. Every path below ``/v1`` exists without it, too.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec
from flask import Flask, Response, request

from agent.api.auth import check_token
from agent.api.documents import root_document, v1_document
from agent.api.errors import answer_errors
from agent.commands.executor import CommandExecutor
from agent.commands.identity import Identity
from agent.errors import InvalidRequest
from agent.protocol.commands import AgentStatus, CommandList, CommandRequest

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiDependencies:
    """What the API is a face of; ``started_at`` in seconds since the epoch, ``on_asked`` is called with every request for commands."""

    executor: CommandExecutor
    identity: Identity
    version: str
    started_at: float
    standalone: bool = False
    on_asked: Callable[[], None] = lambda: None


def create_app(deps: ApiDependencies) -> Flask:
    """Return the WSGI application."""
    app = Flask("agent", static_folder=None)
    app.url_map.merge_slashes = False  # a redirect would repeat the token
    answer_errors(app)
    _log_requests(app)
    app.before_request(lambda: _refuse_without_token(deps))

    def root() -> Response:
        return _answer(root_document(request.host_url.rstrip("/")))

    def version() -> Response:
        return _answer(v1_document(request.host_url.rstrip("/")))

    def status() -> Response:
        return _answer(AgentStatus(started_at=deps.started_at, version=deps.version))

    def commands() -> Response:
        return _answer(CommandList(commands=deps.executor.results()))

    def command(command_id: str) -> Response:
        return _answer(deps.executor.result(command_id, wait=_wait()))

    def stop(command_id: str) -> Response:
        return _answer(deps.executor.stop(command_id), HTTPStatus.ACCEPTED)

    def execute() -> Response:
        order = _order(request.get_data())
        return _answer(deps.executor.execute(order.name, order.params, wait=_wait()))

    def route(path: str, view: Callable[..., Response], method: str = "GET") -> None:
        app.add_url_rule(path, f"{method} {path}", view, methods=[method], strict_slashes=False)

    route("/", root)
    route("/v1/", version)
    for prefix in ("/v1", ""):
        route(f"{prefix}/status/", status)
        route(f"{prefix}/commands/", commands)
        route(f"{prefix}/commands/", execute, "POST")
        route(f"{prefix}/commands/<command_id>/", command)
        route(f"{prefix}/commands/<command_id>/", stop, "DELETE")
    return app


def _refuse_without_token(deps: ApiDependencies) -> None:
    """Protect everything that knows or does something; an unknown path needs no token to be unknown."""
    if request.url_rule is not None and "/commands/" in request.url_rule.rule:
        given = request.args.get("agent_token")
        check_token(given, deps.identity.token, open_without=deps.standalone)
        deps.on_asked()


def _order(body: bytes) -> CommandRequest:
    try:
        return msgspec.json.decode(body, type=CommandRequest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"Missing or invalid name or params: {error}") from error
    except RecursionError:
        text = "Missing or invalid name or params: the document is nested too deeply"
        raise InvalidRequest(text) from None


def _wait() -> bool:
    return request.args.get("wait", "").lower() == "true"


def _answer(document: Any, status: int = HTTPStatus.OK) -> Response:
    return Response(msgspec.json.encode(document), status, mimetype="application/json")


def _log_requests(app: Flask) -> None:
    """Log method, path and status; never the query, which has the token in it."""
    if not log.isEnabledFor(logging.DEBUG):
        return

    @app.before_request
    def _begin() -> None:
        request.environ["ingot.began"] = time.monotonic()

    @app.after_request
    def _end(response: Response) -> Response:
        data = {
            "request": f"{request.method} {request.path}",
            "status": response.status_code,
            "peer": request.remote_addr,
            "ms": (time.monotonic() - request.environ["ingot.began"]) * 1000,
        }
        log.debug("answered", extra=data)
        return response
