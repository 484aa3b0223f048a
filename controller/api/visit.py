"""A request on its way: what is found out before its handler runs, and what every answer to it carries; no Flask.

``direct.py`` uses it for the routes of the API, ``app.py`` for whatever Flask serves.
"""

import re
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from flask import Response
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Request

from controller.api import versions
from controller.api.access.audit import actor_of
from controller.api.access.principal import NOBODY, Principal
from controller.api.auth import Guard
from controller.api.bodies import decode_for, is_json, limit_bytes
from controller.api.browsers import READING, Browsers, check_type
from controller.api.call import Call
from controller.api.errors import Which
from controller.api.paths import is_api
from controller.api.pools import PEOPLE, pool_of
from controller.api.sender import sender_of
from controller.boot.urls import shown_path
from controller.errors import Invalid
from controller.settings import Settings
from controller.store.actor import Actor
from controller.workflow.services import Services

FOR_BROWSERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
"""Nothing that is answered here is a page, a frame or a script of somebody else's page; the web page has its own."""
HeaderLines = Sequence[tuple[str, str]]
_LISTS = frozenset({"addresses", "conductor_groups", "device_types", "fields", "shard"})
"""Arguments that are lists: Ironic takes their members in one argument with commas between, or one in each."""
_TYPING = re.compile(r"/v1/nodes/[^/]+/console/input")
"""What is typed on a console changes nothing here; that somebody took the keyboard is told."""


@dataclass(slots=True)
class Visit:
    """One request; ``request`` is Flask's or werkzeug's."""

    request: Request
    path: str
    started: float = field(default_factory=time.monotonic)
    id: str = field(default_factory=lambda: f"req-{uuid.uuid4()}")
    principal: Principal = NOBODY
    sender: str = ""
    minor: int | None = None
    """Microversion 1.``minor``; ``None`` = it is no request to the API, or was refused before."""
    actor: Actor | None = None
    """For whom something is changed; ``None`` = nothing is."""

    @property
    def which(self) -> Which:
        """What the log says of it."""
        return Which(request_id=self.id, method=self.request.method, path=self.path)

    def admit(self, settings: Settings, guard: Guard, browsers: Browsers) -> Response | None:
        """Find out who asks, and for which version, or refuse.

        Raises:
            ControllerError: A page of somebody else asks, a version that there is not, a body that is no JSON.
        """
        request, path = self.request, self.path
        request.max_content_length = limit_bytes(path)
        is_for_people = pool_of(path) == PEOPLE
        if is_for_people:
            browsers.check(request.method, request.headers)
        found = guard(request.method, path, request.headers)
        if isinstance(found, Response):
            return found
        self.principal = found
        forwarded_for = request.headers.get("X-Forwarded-For")
        self.sender = sender_of(request.remote_addr, forwarded_for, settings.trusted_proxies)
        if is_api(path):
            if is_for_people and request.method not in READING and not _TYPING.fullmatch(path):
                self.actor = actor_of(found, self.sender, request.method, path)
            self.minor = versions.requested_minor(request.headers)
        if is_for_people and self._has_body() and is_json(path):
            check_type(request.content_type)
        return None

    def call(self, services: Services) -> Call:
        """Return what its handler gets."""
        request = self.request
        return Call(
            services=services,
            minor=versions.MIN_MINOR if self.minor is None else self.minor,
            base_url=f"{request.scheme}://{request.host}",
            path=self.path,
            query=self._query(),
            sender=self.sender,
            principal=self.principal,
            read_json=cache(lambda: decode_for(self.path, self._body())),
            read_body=request.stream.read,
            last_event_id=request.headers.get("Last-Event-ID"),
        )

    def _query(self) -> dict[str, str]:
        """Return the arguments; a list that is given in several is one with commas.

        Raises:
            Invalid: Another argument is given more than once.
        """
        args = self.request.args
        query = args.to_dict()
        if self.request.query_string.count(b"&") < len(query):  # each is given once
            return query
        for name in query:
            values = args.getlist(name)
            if len(values) > 1 and name in _LISTS:
                query[name] = ",".join(values)
            elif len(values) > 1:
                raise Invalid(f"The argument {name} is given {len(values)} times; give it once")
        return query

    def answer_headers(self) -> HeaderLines:
        """Return what an answer of the API carries, whatever it is."""
        ids = (("Openstack-Request-Id", self.id), ("X-OpenStack-Request-Id", self.id))
        return (*_headers(self.minor), *ids)

    def log_data(self, status: int) -> dict[str, Any]:
        """Return what the log says of its end."""
        return {
            "request_id": self.id,
            "method": self.request.method,
            "path": shown_path(self.path),
            "status": status,
            "milliseconds": round((time.monotonic() - self.started) * 1000, 1),
        }

    def _has_body(self) -> bool:
        return bool(self.request.content_length) or "Transfer-Encoding" in self.request.headers

    def _body(self) -> bytes:
        request = self.request
        body = request.get_data(cache=False)
        # A chunked body has no length to check before; werkzeug cuts it at the limit.
        if request.content_length is None and len(body) == request.max_content_length:
            raise RequestEntityTooLarge
        return body


@cache
def _headers(minor: int | None) -> HeaderLines:
    """Return the lines that are the same for every request of a microversion."""
    asked = (
        ()
        if minor is None
        else (
            (versions.HEADER, f"1.{minor}"),
            (versions.STANDARD_HEADER, f"baremetal 1.{minor}"),
        )
    )
    vary = ("Vary", f"{versions.HEADER}, {versions.STANDARD_HEADER}")
    return (*versions.range_headers().items(), *asked, vary)
