"""Who may call: nobody is asked (``noauth``) or every request needs HTTP basic authentication.

Version documents, and what machines call that boot the ramdisk, are open as in Ironic.
"""

import base64
import re
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from flask import Response

from controller.api.htpasswd import Htpasswd
from controller.api.replies import json_reply
from controller.errors import SettingsError
from controller.settings import Settings

Guard = Callable[[str, str | None], Response | None]
"""From the path and the ``Authorization`` header to a refusal; ``None`` = welcome."""

_PUBLIC = re.compile(
    r"/(v1)?|/healthcheck|/v1/lookup|/v1/heartbeat/[^/]+|/v1/continue_inspection|/(boot|images)/.*"
)


def make_guard(settings: Settings) -> Guard:
    """Return the guard that the settings ask for.

    Raises:
        SettingsError: An unknown strategy, or no usable htpasswd file.
    """
    if settings.auth_strategy == "noauth":
        return _welcome
    if settings.auth_strategy != "http_basic":
        raise SettingsError(
            f"auth_strategy {settings.auth_strategy!r} is unknown; set noauth or http_basic"
        )
    if not settings.htpasswd_file:
        raise SettingsError(
            "auth_strategy http_basic needs htpasswd_file; make one with htpasswd -B"
        )
    users = Htpasswd(Path(settings.htpasswd_file))
    return lambda path, header: _check(users, path, header)


def is_public(path: str) -> bool:
    """Say whether nobody has to log in for ``path`` (no slash at its end)."""
    return _PUBLIC.fullmatch(path) is not None


def _welcome(_path: str, _header: str | None) -> None:
    return None


def _check(users: Htpasswd, path: str, header: str | None) -> Response | None:
    if is_public(path):
        return None
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
        return None
    return _refusal(HTTPStatus.UNAUTHORIZED, "Incorrect username or password")


def _refusal(status: HTTPStatus, message: str) -> Response:
    reply = json_reply({"error": {"message": message, "code": int(status)}}, status)
    if status == HTTPStatus.UNAUTHORIZED:
        reply.headers["WWW-Authenticate"] = 'Basic realm="Baremetal API"'
    return reply
