"""Asks an image's web server whether the image is there, before a machine is touched for it.

Registries and files are the agent's affair: only it sees the files, and a registry's digests are checked where they count.
"""

from urllib.parse import urlsplit

import requests
import urllib3

from controller.errors import Invalid
from controller.images.address import shown_url

_MOST_REDIRECTS = 4
_TELLS_NOTHING = {
    requests.codes.unauthorized,
    requests.codes.forbidden,
    requests.codes.method_not_allowed,
    requests.codes.request_timeout,
    requests.codes.too_many_requests,
}
"""4xx answers to HEAD that do not say that GET will fail; URLs that are signed for GET answer 401 or 403."""


def check_reachable(url: str, *, timeout_s: float) -> str | None:
    """Return a warning if nothing can be said from here, ``None`` if the image is there or on no web server.

    Args:
        url: The image.
        timeout_s: Longest wait for the server to take the connection, and again for its answer.

    Raises:
        Invalid: The server says that it will not give this image.
    """
    if urlsplit(url).scheme not in {"http", "https"}:
        return None
    try:
        with requests.Session() as session:
            session.max_redirects = _MOST_REDIRECTS
            response = session.head(url, timeout=timeout_s, allow_redirects=True)
    except (requests.exceptions.InvalidURL, urllib3.exceptions.LocationParseError) as error:
        raise Invalid(
            f"the image cannot be fetched: {shown_url(url):.200} is no URL that can be asked "
            f"({type(error).__name__}); correct instance_info.image_source"
        ) from error
    except requests.RequestException as error:
        return (
            f"the image at {shown_url(url)} cannot be checked from the controller "
            f"({type(error).__name__}); the machine itself will try"
        )
    status = response.status_code
    if status < requests.codes.bad_request:
        return None
    if status >= requests.codes.server_error or status in _TELLS_NOTHING:
        return f"{shown_url(url)} answers {status} to HEAD; the machine itself will try"
    raise Invalid(
        f"the image cannot be fetched: {shown_url(url)} answers {status} {response.reason}; "
        "correct instance_info.image_source or put the image there"
    )
