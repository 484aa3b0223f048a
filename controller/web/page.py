"""The web pages: a table of nodes that refreshes itself, at ``/ui``, and a node's console, at ``/ui/console.html?node=NODE``.

The pages are static; they ask the REST API like any other client, so they show what the API shows and to whom the API shows
it. The table changes nothing; on the console is typed. The terminal is xterm.js 5.5.0 (MIT licence, npm ``@xterm/xterm``), unchanged but
for the line that names its source map.
"""

from importlib import resources

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from controller.errors import NotFound

_CONTENT_TYPES = {
    "index.html": "text/html; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "console.html": "text/html; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "xterm.js": "text/javascript; charset=utf-8",
    "xterm.css": "text/css; charset=utf-8",
    "xterm-LICENSE.txt": "text/plain; charset=utf-8",
}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
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
    return blueprint


def _file(name: str) -> Response:
    content_type = _CONTENT_TYPES.get(name)
    if content_type is None:
        raise NotFound(f"The page has no file {name}")
    body = (resources.files("controller.web") / "static" / name).read_bytes()
    headers = _CONSOLE_HEADERS if name == _CONSOLE else _HEADERS
    return Response(body, headers=headers, content_type=content_type)
