"""The web pages: a table of nodes that refreshes itself, at ``/ui``, a node's console, at ``/ui/console.html?node=NODE``, and its screen, ``screen.html``.

The pages are static; they ask the REST API like any other client, so they show what the API shows and to whom the API shows
it. The table changes nothing; on the console is typed. The terminal is xterm.js 5.5.0 (MIT licence, npm ``@xterm/xterm``), unchanged but
for the line that names its source map. The screen is noVNC 1.7.0 (MPL-2.0, npm ``@novnc/novnc``), the package as npm has it.
"""

import io
import tarfile
from collections.abc import Mapping
from functools import cache
from importlib import resources

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from controller.errors import NotFound

_CONTENT_TYPES = {
    "icon.svg": "image/svg+xml",
    "api.js": "text/javascript; charset=utf-8",
    "index.html": "text/html; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "console.html": "text/html; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "screen.html": "text/html; charset=utf-8",
    "screen.js": "text/javascript; charset=utf-8",
    "xterm.js": "text/javascript; charset=utf-8",
    "xterm.css": "text/css; charset=utf-8",
    "xterm-LICENSE.txt": "text/plain; charset=utf-8",
}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_CONSOLE = "console.html"
_CONSOLE_HEADERS = {
    **_HEADERS,
    # the terminal measures letters and makes its own styles
    "Content-Security-Policy": _HEADERS["Content-Security-Policy"].replace(
        "style-src 'self'", "style-src 'self' 'unsafe-inline'"
    ),
}
_SCREEN = "screen.html"
_SCREEN_HEADERS = {
    **_HEADERS,
    # pictures that came over the WebSocket, and the pointer
    "Content-Security-Policy": _HEADERS["Content-Security-Policy"].replace(
        "img-src 'self'", "img-src 'self' data: blob:"
    ),
}
_NOVNC = "novnc-1.7.0.tgz"
"""The package as npm has it, its licence included; only its scripts and licences are served."""


def web_blueprint() -> Blueprint:
    """Return the routes of the page; a browser that asks for ``/`` is led to it."""
    blueprint = Blueprint("web", __name__)

    @blueprint.before_app_request
    def _lead_browsers() -> BaseResponse | None:
        if request.path != "/":
            return None
        accepted = request.accept_mimetypes
        wants_page = accepted.best_match(["application/json", "text/html"]) == "text/html"
        return redirect("/ui/") if wants_page else None

    blueprint.add_url_rule("/ui/", "page", lambda: _file("index.html"))
    blueprint.add_url_rule("/ui/<name>", "file", _file)
    blueprint.add_url_rule("/ui/novnc/<path:name>", "novnc", _novnc_file)
    return blueprint


def _file(name: str) -> Response:
    content_type = _CONTENT_TYPES.get(name)
    if content_type is None:
        raise NotFound(f"The page has no file {name}")
    body = (resources.files("controller.web") / "static" / name).read_bytes()
    headers = {_CONSOLE: _CONSOLE_HEADERS, _SCREEN: _SCREEN_HEADERS}.get(name, _HEADERS)
    return Response(body, headers=headers, content_type=content_type)


def _novnc_file(name: str) -> Response:
    found = _novnc().get(name)
    if found is None:
        raise NotFound(f"noVNC has no file {name[:100]!r}")
    kind = "text/javascript" if name.endswith(".js") else "text/plain"
    return Response(found, headers=_HEADERS, content_type=f"{kind}; charset=utf-8")


@cache
def _novnc() -> Mapping[str, bytes]:
    """Return the files of noVNC, 0.7 MB, by their place in the package; read when the first one is asked for."""
    packed = (resources.files("controller.web") / "static" / _NOVNC).read_bytes()
    files: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(packed)) as package:
        for member in package:
            name = member.name.removeprefix("package/")
            is_served = name.endswith(".js") or "LICENSE" in name
            source = package.extractfile(member) if is_served else None
            if source is not None:
                files[name] = source.read()
    return files
