"""Who may call: nobody is asked (``noauth``), or every request needs HTTP basic authentication or a token of Keystone.

Version documents, and what machines call that boot the ramdisk, are open as in Ironic. A screen asks for a word that the API gave away (``screens.py``), and its page
has no secret: with a token of Keystone no browser logs in.
"""

import base64
import importlib
import re
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from pathlib import Path

from flask import Response

from controller.api.access.principal import EVERYBODY, NOBODY, Principal
from controller.api.htpasswd import Htpasswd
from controller.api.replies import json_reply
from controller.api.roles_file import RolesFile
from controller.api.versions import Headers
from controller.errors import SettingsError
from controller.settings import Settings

Guard = Callable[[str, str, Headers], Principal | Response]
"""From a request's method, path and headers to who asks, or to a refusal."""

_PUBLIC = re.compile(
    r"/(v1)?|/healthcheck|/v1/lookup|/v1/heartbeat/[^/]+|/v1/continue_inspection|/(boot|images)/.*"
    r"|/screens/[^/]+|/ui/(screen\.html|screen\.js|api\.js|page\.css|icon\.svg|novnc/.*)"
)


def make_guard(settings: Settings) -> Guard:
    """Return the guard that the settings ask for.

    Raises:
        SettingsError: An unknown strategy, or no usable file of users or roles.
    """
    if settings.auth_strategy == "noauth":
        return lambda _method, _path, _headers: EVERYBODY
    if settings.auth_strategy == "keystone":
        return partial(_unless_public, _keystone(settings))
    if settings.auth_strategy != "http_basic":
        raise SettingsError(
            f"auth_strategy {settings.auth_strategy!r} is unknown; set noauth, http_basic or keystone"
        )
    if not settings.htpasswd_file:
        raise SettingsError(
            "auth_strategy http_basic needs htpasswd_file; make one with htpasswd -B"
        )
    users = Htpasswd(Path(settings.htpasswd_file))
    roles = RolesFile(Path(settings.roles_file)).principal if settings.roles_file else _unrestricted
    return partial(_unless_public, partial(_check, users, roles))


def is_public(path: str) -> bool:
    """Say whether nobody has to log in for ``path`` (no slash at its end)."""
    return _PUBLIC.fullmatch(path) is not None


def _unless_public(guard: Guard, method: str, path: str, headers: Headers) -> Principal | Response:
    return NOBODY if is_public(path) else guard(method, path, headers)


def _keystone(settings: Settings) -> Guard:
    """Load what only this strategy needs.

    Raises:
        SettingsError: It is not installed, or a setting is missing.
    """
    try:
        module = importlib.import_module("controller.api.keystone.guard")
    except ImportError as error:
        raise SettingsError(
            f"auth_strategy keystone needs packages that are not installed ({error}); install the extra: pip install 'ingot[keystone]'"
        ) from error
    guard: Guard = module.KeystoneGuard(settings)
    return guard


def _unrestricted(user: str) -> Principal:
    return Principal(user=user, is_unrestricted=True)


def _check(
    users: Htpasswd,
    roles: Callable[[str], Principal],
    _method: str,
    _path: str,
    headers: Headers,
) -> Principal | Response:
    header = headers.get("Authorization")
    if header is None:
        return _refusal(HTTPStatus.UNAUTHORIZED, "Authorization required")
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return _refusal(HTTPStatus.BAD_REQUEST, "Only basic authorization is supported")
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:  # no base64, or no UTF-8 in it
        colon = ""
    if not colon:
        return _refusal(HTTPStatus.BAD_REQUEST, "Could not decode the Authorization header")
    if users.accepts(user, password):
        return roles(user)
    return _refusal(HTTPStatus.UNAUTHORIZED, "Incorrect username or password")


def _refusal(status: HTTPStatus, message: str) -> Response:
    reply = json_reply({"error": {"message": message, "code": int(status)}}, status)
    if status == HTTPStatus.UNAUTHORIZED:
        reply.headers["WWW-Authenticate"] = 'Basic realm="Baremetal API"'
    return reply
