"""Paths as clients may write them: without ``/v1``, with a slash at the end, as in Ironic; pure."""

import re

from controller.api.routes import ROUTES

SUFFIX = ".json"
_SUFFIX_UNTIL = 91
_MINOR = re.compile(r"\s*1\.(\d{1,4})\s*")

_NAMED_SO = frozenset(route.path for route in ROUTES if route.path.endswith(SUFFIX))
_UNVERSIONED = frozenset(
    route.path.split("/")[2] for route in ROUTES if route.path.count("/") > 1
) - {"images"}
"""``/images/`` without a version is the folder of files."""


def is_api(path: str) -> bool:
    """Say whether ``path`` is the REST API's."""
    return path in ("/", "/v1", "/healthcheck", "/metrics", "/openapi.json") or path.startswith(
        "/v1/"
    )


def normal_path(path: str) -> str:
    """Return ``path`` as the routes write it."""
    if path.split("/")[1:2] and path.split("/")[1] in _UNVERSIONED:
        path = f"/v1{path}"
    stripped = path.rstrip("/") or "/"
    return stripped if is_api(stripped) else path


def without_suffix(path: str, version: str | None) -> str:
    """Return ``path`` without ``.json`` at its end, if the request names a version from before 1.91 (Ironic API v1).

    Args:
        path: As the routes write it.
        version: The header ``X-OpenStack-Ironic-API-Version`` as it came.
    """
    match = _MINOR.fullmatch(version or "")
    if (
        match is None
        or int(match[1]) >= _SUFFIX_UNTIL
        or not is_api(path.removesuffix(SUFFIX))
        or path in _NAMED_SO
    ):
        return path
    return path.removesuffix(SUFFIX)
