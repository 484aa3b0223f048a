"""The Flask application: binds routes to the services, negotiates versions, asks the guard.

Flask's request and ``g`` are used here and in ``errors.py`` only; handlers get a ``Call``.
"""

import logging
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import RequestEntityTooLarge

from controller.api import errors, versions
from controller.api.accept import check_accepted
from controller.api.auth import make_guard
from controller.api.bodies import decode_for, limit_bytes
from controller.api.boot_files import boot_blueprint
from controller.api.browsers import Browsers, check_type
from controller.api.call import Call
from controller.api.paths import SUFFIX, is_api, normal_path, without_suffix
from controller.api.pools import PEOPLE, pool_of
from controller.api.route import Route
from controller.api.routes import ROUTES
from controller.api.sender import sender_of
from controller.errors import NotFound
from controller.workflow.services import Services

log = logging.getLogger(__name__)

_FOR_BROWSERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Nothing that is answered here is a page, a frame or a script of somebody else's page; the web page has its own."""
_VERSION = "HTTP_" + versions.HEADER.upper().replace("-", "_")
_HAD_SUFFIX = "ingot.had_json_suffix"
_WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


def create_app(services: Services) -> Flask:
    """Build the application that serves the REST API.

    Raises:
        SettingsError: The settings for authentication are wrong.
    """
    app = Flask("controller.api", static_folder=None)
    app.url_map.strict_slashes = app.url_map.merge_slashes = False  # no redirects
    guard = make_guard(services.settings)
    browsers = Browsers(services.settings, services.hostname)

    @app.before_request
    def _begin() -> Response | None:
        g.started = time.monotonic()
        g.request_id = f"req-{uuid.uuid4()}"
        request.max_content_length = limit_bytes(request.path)
        is_for_people = pool_of(request.path) == PEOPLE
        if is_for_people:
            browsers.check(request.method, request.headers)
        if refusal := guard(request.path, request.headers.get("Authorization")):
            return refusal
        if is_api(request.path):
            g.minor = versions.requested_minor(request.headers)
        if is_for_people and _has_body():
            check_type(request.content_type)
        return None

    @app.after_request
    def _end(reply: Response) -> Response:
        for name, value in _FOR_BROWSERS.items():
            reply.headers.setdefault(name, value)
        if is_api(request.path):
            _put_headers(reply)
        log.debug("request", extra=_log_data(reply))
        return reply

    errors.install(app)
    for route in ROUTES:
        _bind(app, services, route)
    app.register_blueprint(boot_blueprint(services))
    app.wsgi_app = _normalised(app.wsgi_app)  # type: ignore[assignment,method-assign]
    return app


def _bind(app: Flask, services: Services, route: Route) -> None:
    def handle(**parameters: str) -> Response:
        check_accepted(request.headers.get("Accept"), route.media)
        if g.minor < route.since:
            return errors.fault_reply(
                f"{route.method} {route.path} needs API version 1.{route.since} or newer, the request has 1.{g.minor}",
                route.early,
            )
        try:
            return route.handler(_call(services), **parameters)
        except NotFound:
            if not request.environ.get(_HAD_SUFFIX) or not route.path.endswith(">"):
                raise
            last = list(parameters)[-1]  # it may be a name that ends so
            named = parameters | {last: parameters[last] + SUFFIX}
            return route.handler(_call(services), **named)

    app.add_url_rule(
        route.path,
        endpoint=f"{route.method} {route.path}",
        view_func=handle,
        methods=[route.method],
        provide_automatic_options=False,
    )


def _call(services: Services) -> Call:
    return Call(
        services=services,
        minor=g.minor,
        base_url=request.host_url.rstrip("/"),
        path=request.path,
        query=request.args.to_dict(),
        sender=sender_of(
            request.remote_addr,
            request.headers.get("X-Forwarded-For"),
            services.settings.trusted_proxies,
        ),
        read_json=lambda: decode_for(request.path, _body()),
    )


def _has_body() -> bool:
    return bool(request.content_length) or "Transfer-Encoding" in request.headers


def _body() -> bytes:
    body = request.get_data(cache=False)
    # A chunked body has no length to check before; werkzeug cuts it at the limit.
    if request.content_length is None and len(body) == request.max_content_length:
        raise RequestEntityTooLarge
    return body


def _put_headers(reply: Response) -> None:
    reply.headers.update(versions.range_headers())
    if "minor" in g:
        reply.headers[versions.HEADER] = f"1.{g.minor}"
        reply.headers[versions.STANDARD_HEADER] = f"baremetal 1.{g.minor}"
    reply.headers["Vary"] = f"{versions.HEADER}, {versions.STANDARD_HEADER}"
    reply.headers["Openstack-Request-Id"] = g.request_id
    reply.headers["X-OpenStack-Request-Id"] = g.request_id


def _log_data(reply: Response) -> dict[str, Any]:
    return {
        "request_id": g.request_id,
        "method": request.method,
        "path": request.path,
        "status": reply.status_code,
        "milliseconds": round((time.monotonic() - g.started) * 1000, 1),
    }


def _normalised(app: _WsgiApp) -> _WsgiApp:
    """Let clients write ``/nodes`` for ``/v1/nodes``, a slash at the end, and at old versions ``.json``, as Ironic does."""

    def call(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = normal_path(environ.get("PATH_INFO") or "/")
        environ["PATH_INFO"] = without_suffix(path, environ.get(_VERSION))
        environ[_HAD_SUFFIX] = environ["PATH_INFO"] != path
        return app(environ, start_response)

    return call
