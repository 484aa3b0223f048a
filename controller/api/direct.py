"""Answers the routes of the API below ``/v1/`` without Flask's contexts and hooks, which were half of a short request's cost.

Only requests that lead to a route come here; for all others, and for ``HEAD`` and ``OPTIONS``, the way is Flask's.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from flask import Response
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map
from werkzeug.wrappers import Request

from controller.api.accept import check_accepted
from controller.api.access.again import Again
from controller.api.access.audit import log_change
from controller.api.access.checks import Access
from controller.api.auth import Guard
from controller.api.browsers import Browsers
from controller.api.call import Call
from controller.api.errors import fault_reply, reply_to
from controller.api.paths import SUFFIX, is_api
from controller.api.route import Route
from controller.api.visit import FOR_BROWSERS, Visit
from controller.errors import NotFound
from controller.store.actor import acting_for
from controller.store.confirming import confirming
from controller.workflow.measures import RequestKey
from controller.workflow.services import Services

log = logging.getLogger(__name__)

HAD_SUFFIX = "ingot.had_json_suffix"
Environ = dict[str, Any]
WsgiApp = Callable[[Environ, Any], Iterable[bytes]]


class Bound(NamedTuple):
    """A route, and what it asks for."""

    route: Route
    access: Access


class Direct:
    """A WSGI application for the routes of the API, before another one."""

    def __init__(
        self,
        services: Services,
        guard: Guard,
        browsers: Browsers,
        routes: Mapping[str, Bound],
        urls: Map,
        other: WsgiApp,
    ) -> None:
        """Prepare.

        Args:
            services: The controller's parts.
            guard: Tells who asks.
            browsers: What pages of others must not do.
            routes: By endpoint.
            urls: From paths to endpoints.
            other: Serves what is none of ``routes``.
        """
        self._services, self._guard, self._browsers = services, guard, browsers
        self._routes, self._other = routes, other
        self._urls = urls.bind("")

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer a request."""
        request = Request(environ)
        path = request.path
        found = self._find(request.method, path) if path.startswith("/v1/") else None
        if found is None:
            return self._other(environ, start_response)
        bound, parameters = found
        visit = Visit(request, path)
        try:
            reply = self._reply(visit, bound, parameters)
        except Exception as error:  # noqa: BLE001  # whatever it is, there is an answer to it
            reply = reply_to(error, visit.which)
        key = RequestKey(request.method, bound.route.path, reply.status_code)
        self._services.measures.note_request(key, time.monotonic() - visit.started)
        if log.isEnabledFor(logging.DEBUG):
            log.debug("request", extra=visit.log_data(reply.status_code))
        if visit.actor is not None:
            log_change(visit.actor, reply.status_code)
        content, status, headers = reply.get_wsgi_response(environ)
        own = {name.lower() for name, _ in headers}
        lines = [line for line in FOR_BROWSERS if line[0].lower() not in own]
        start_response(status, [*headers, *lines, *visit.answer_headers()])
        return content

    def _find(self, method: str, path: str) -> tuple[Bound, Mapping[str, str]] | None:
        try:
            endpoint, parameters = self._urls.match(path, method)
        except HTTPException:
            return None
        bound = self._routes.get(endpoint)
        return None if bound is None or bound.route.method != method else (bound, parameters)

    def _reply(self, visit: Visit, bound: Bound, parameters: Mapping[str, str]) -> Response:
        services = self._services
        refusal = visit.admit(services.settings, self._guard, self._browsers)
        return refusal or answer(visit, services, bound, parameters)


def answer(
    visit: Visit, services: Services, bound: Bound, parameters: Mapping[str, str]
) -> Response:
    """Answer a request that was admitted."""
    route = bound.route
    check_accepted(visit.request.headers.get("Accept"), route.media)
    if visit.minor is not None and visit.minor < route.since:
        return fault_reply(
            f"{route.method} {route.path} needs API version 1.{route.since} or newer, the request has 1.{visit.minor}",
            route.early,
        )
    with acting_for(visit.actor):
        call = visit.call(services)
        if call.query and is_api(visit.path) and not route.is_loose:
            call.expect(*route.arguments)
        try:
            return _allowed(call, bound, parameters)
        except NotFound:
            had_suffix = visit.request.environ.get(HAD_SUFFIX)
            if not had_suffix or not route.path.endswith(">"):
                raise
            last = list(parameters)[-1]  # it may be a name that ends so
            return _allowed(call, bound, {**parameters, last: parameters[last] + SUFFIX})


def _allowed(call: Call, bound: Bound, parameters: Mapping[str, str]) -> Response:
    handler = bound.route.handler
    if call.principal.is_unrestricted:
        return handler(call, **parameters)
    bound.access.check(call, parameters)
    with confirming(Again(call, bound.access, parameters)):
        return handler(call, **parameters)
