"""The guard of the strategy ``keystone``: who asks is what ``keystonemiddleware`` says of the request's token.

The middleware gets an environment of its own making, with the request's method, path and tokens and nothing else: headers of
the client that claim an identity do not come in. Its answers become ours: a principal, 401, or 503 with the reason.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from wsgiref.util import setup_testing_defaults

from flask import Response
from keystoneauth1.session import Session
from keystonemiddleware.auth_token import AuthProtocol
from oslo_config.cfg import ConfigOpts
from webob.exc import HTTPServiceUnavailable

from agent.protocol.foreign_text import clean_line
from controller.api.access.principal import Principal
from controller.api.keystone.headers import principal_of
from controller.api.keystone.token_cache import TokenCache
from controller.api.keystone.transport import Question, asking, bounded_session
from controller.api.replies import json_reply
from controller.api.versions import Headers
from controller.errors import SettingsError, TemporaryError
from controller.settings import Settings

log = logging.getLogger(__name__)

_CACHE = "ingot.token_cache"
_TOKEN, _SERVICE_TOKEN = "X-Auth-Token", "X-Service-Token"
_MOST_TOKEN_CHARS = 16 * 1024
_SAME_WORDS_S = 60.0
"""How long the same failure is not written into the log again."""
_QUIET = ("keystonemiddleware", "keystoneauth", "keystoneclient")
"""Loggers that write whole answers of the peer; what is worth saying is said here."""


class KeystoneFailed(TemporaryError):
    """Keystone cannot say who asks."""


class KeystoneGuard:
    """Asks Keystone; safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        """Take the settings; Keystone is not called yet, and need not be there.

        Raises:
            SettingsError: One that is needed is missing, or ``keystone_cafile`` cannot be used.
        """
        _check(settings)
        for name in _QUIET:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        self._total_s = settings.keystone_timeout_s
        self._realm = settings.keystone_www_authenticate_uri or settings.keystone_auth_url
        self._cache = TokenCache(settings.keystone_token_cache_s)
        self._middleware = _Middleware(settings)
        self._said, self._said_at = "", 0.0

    def __call__(self, method: str, path: str, headers: Headers) -> Principal | Response:
        """Return who asks, or the refusal.

        Raises:
            KeystoneFailed: Keystone has not said within the time.
        """
        tokens = {name: headers.get(name) for name in (_TOKEN, _SERVICE_TOKEN)}
        if not tokens[_TOKEN]:
            return self._refusal(f"This needs a token of Keystone in the header {_TOKEN}")
        if not all(_is_token(token) for token in tokens.values() if token):
            return self._refusal("That is no token")
        environ = _environ(method, path, tokens)
        environ[_CACHE] = self._cache
        with asking(self._total_s) as question:
            status = self._ask(environ, question)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise self._failure(question.failure or "cannot be used")
        found = principal_of(environ) if status < HTTPStatus.BAD_REQUEST else None
        return found or self._refusal(
            "Keystone does not know this token, or it has expired or been revoked; get a new one"
        )

    def _ask(self, environ: dict[str, Any], question: Question) -> int:
        """Return the status of the middleware's answer; ``environ`` gets its headers."""
        statuses: list[int] = []

        def start_response(status: str, *_more: Any) -> Callable[[bytes], None]:
            statuses.append(int(status.partition(" ")[0]))
            return lambda _data: None

        try:
            self._middleware(environ, start_response)
        except Exception as error:  # noqa: BLE001  # whatever libraries make of a peer's nonsense
            if not question.failure:
                question.failure = f"gave an answer that makes no sense ({type(error).__name__})"
                log.debug("Keystone's answer: %s", clean_line(error))
            return HTTPStatus.SERVICE_UNAVAILABLE
        return statuses[-1]

    def _failure(self, words: str) -> KeystoneFailed:
        now = time.monotonic()
        if words != self._said or now - self._said_at > _SAME_WORDS_S:
            self._said, self._said_at = words, now
            log.error("nobody can be let in: Keystone %s", words)
        return KeystoneFailed(
            f"Who asks cannot be found out: Keystone {words}. Try again; what Keystone has said before still counts for a while"
        )

    def _refusal(self, message: str) -> Response:
        status = HTTPStatus.UNAUTHORIZED
        fault = {"message": message, "code": int(status), "title": status.phrase}
        reply = json_reply({"error": fault}, status)
        reply.headers["WWW-Authenticate"] = f'Keystone uri="{self._realm}"'
        return reply


class _Middleware(AuthProtocol):  # type: ignore[misc]  # it has no types
    """The middleware, with our HTTP below it and so many questions at a time that others can still be answered from the cache."""

    def __init__(self, settings: Settings) -> None:
        options = ConfigOpts()
        options([], project="ingot", default_config_files=[], default_config_dirs=[])
        self._http = bounded_session(settings.keystone_cafile)
        self._places = threading.BoundedSemaphore(max(1, settings.threads // 2))
        super().__init__(_confirm, {"oslo_config_config": options, **_options(settings)})

    def _create_session(self, **_kwargs: Any) -> Session:
        return Session(session=self._http)

    def _create_identity_server(self) -> Any:
        server = super()._create_identity_server()
        verify = server.verify_token

        def verify_in_turn(*words: Any, **options: Any) -> Any:
            if not self._places.acquire(blocking=False):
                raise HTTPServiceUnavailable
            try:
                return verify(*words, **options)
            finally:
                self._places.release()

        server.verify_token = verify_in_turn
        return server


def _confirm(_environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Stand behind the middleware."""
    start_response("204 No Content", [])
    return []


def _options(settings: Settings) -> dict[str, str]:
    """Return the middleware's options; what is empty is left to it."""
    named = {
        "auth_type": "password",
        "auth_url": settings.keystone_auth_url,
        "www_authenticate_uri": settings.keystone_www_authenticate_uri
        or settings.keystone_auth_url,
        "username": settings.keystone_username,
        "password": settings.keystone_password,
        "user_domain_name": settings.keystone_user_domain_name,
        "interface": settings.keystone_interface,
        "region_name": settings.keystone_region_name,
        "service_token_roles": settings.keystone_service_token_roles,
        "service_type": "baremetal",
        "http_request_max_retries": "0",
        "cache": _CACHE,
    }
    if settings.keystone_system_scope:
        named["system_scope"] = settings.keystone_system_scope
    else:
        named["project_name"] = settings.keystone_project_name
        named["project_domain_name"] = settings.keystone_project_domain_name
    return {name: value for name, value in named.items() if value}


def _check(settings: Settings) -> None:
    for name in ("keystone_auth_url", "keystone_username", "keystone_password"):
        if not getattr(settings, name):
            raise SettingsError(
                f"auth_strategy keystone needs {name}: where Keystone is, and a user who may validate tokens"
            )
    if not settings.keystone_auth_url.startswith(("http://", "https://")):
        raise SettingsError(
            f"setting keystone_auth_url is {clean_line(settings.keystone_auth_url)!r}; it must be an http or https URL"
        )


def _is_token(text: str) -> bool:
    return text.isascii() and text.isprintable() and len(text) <= _MOST_TOKEN_CHARS


def _environ(method: str, path: str, tokens: dict[str, str | None]) -> dict[str, Any]:
    """Return what the middleware gets to see of a request; application credentials may be limited to methods and paths."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path.encode().decode("latin-1"),
    }
    setup_testing_defaults(environ)
    for name, token in tokens.items():
        if token:
            environ["HTTP_" + name.upper().replace("-", "_")] = token
    return environ
