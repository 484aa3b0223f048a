"""The application: binds routes to the services; the API's own are answered by ``direct.py``, what is left by Flask.

Flask's request and ``g`` are used here, in ``errors.py``, and where files and the web page are served; handlers get a ``Call``.
"""

import logging
from collections.abc import Iterable
from typing import Any

from flask import Flask, Response, g, request

from controller.api import errors, versions
from controller.api.access.audit import log_change
from controller.api.access.guarded import check_of, check_rules
from controller.api.auth import make_guard
from controller.api.boot_files import boot_blueprint
from controller.api.boot_media import media_blueprint
from controller.api.browsers import Browsers
from controller.api.direct import HAD_SUFFIX, Bound, Direct, WsgiApp, answer
from controller.api.image_files import image_blueprint
from controller.api.paths import is_api, normal_path, without_suffix
from controller.api.routes import ROUTES
from controller.api.screens import screen_blueprint
from controller.api.visit import FOR_BROWSERS, Visit
from controller.workflow.services import Services

log = logging.getLogger(__name__)

_VERSION = "HTTP_" + versions.HEADER.upper().replace("-", "_")


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
        # Behind the proxy of a context it would be looked up with every use.
        visit = Visit(request._get_current_object(), request.path)  # type: ignore[attr-defined]  # noqa: SLF001
        g.visit, g.request_id = visit, visit.id
        return visit.admit(services.settings, guard, browsers)

    @app.after_request
    def _end(reply: Response) -> Response:
        return _with_headers(g.visit, reply)

    check_rules(ROUTES)
    errors.install(app)
    routes = {f"{one.method} {one.path}": Bound(one, check_of(one)) for one in ROUTES}
    for endpoint, bound in routes.items():
        _bind(app, services, endpoint, bound)
    app.register_blueprint(boot_blueprint(services))
    app.register_blueprint(media_blueprint(services))
    app.register_blueprint(image_blueprint(services))
    app.register_blueprint(screen_blueprint(services, browsers))
    direct = Direct(services, guard, browsers, routes, app.url_map, app.wsgi_app)
    app.wsgi_app = _normalised(direct)  # type: ignore[assignment,method-assign]
    return app


def _bind(app: Flask, services: Services, endpoint: str, bound: Bound) -> None:
    def handle(**parameters: str) -> Response:
        return answer(g.visit, services, bound, parameters)

    app.add_url_rule(
        bound.route.path,
        endpoint=endpoint,
        view_func=handle,
        methods=[bound.route.method],
        provide_automatic_options=False,
    )


def _with_headers(visit: Visit, reply: Response) -> Response:
    for name, value in FOR_BROWSERS:
        reply.headers.setdefault(name, value)
    if is_api(visit.path):
        reply.headers.update(dict(visit.answer_headers()))
    if log.isEnabledFor(logging.DEBUG):
        log.debug("request", extra=visit.log_data(reply.status_code))
    if visit.actor is not None:
        log_change(visit.actor, reply.status_code)
    return reply


def _normalised(app: WsgiApp) -> WsgiApp:
    """Let clients write ``/nodes`` for ``/v1/nodes``, a slash at the end, and at old versions ``.json``, as Ironic does."""

    def call(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = normal_path(environ.get("PATH_INFO") or "/")
        environ["PATH_INFO"] = without_suffix(path, environ.get(_VERSION))
        environ[HAD_SUFFIX] = environ["PATH_INFO"] != path
        return app(environ, start_response)

    return call
