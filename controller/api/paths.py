"""Paths as clients may write them: without ``/v1``, with a slash at the end, as in Ironic; pure."""

from controller.api.routes import ROUTES

_UNVERSIONED = frozenset(route.path.split("/")[2] for route in ROUTES if route.path.count("/") > 1)


def is_api(path: str) -> bool:
    """Say whether ``path`` is the REST API's."""
    return path in ("/", "/v1", "/healthcheck") or path.startswith("/v1/")


def normal_path(path: str) -> str:
    """Return ``path`` as the routes write it."""
    if path.split("/")[1:2] and path.split("/")[1] in _UNVERSIONED:
        path = f"/v1{path}"
    stripped = path.rstrip("/") or "/"
    return stripped if is_api(stripped) else path
