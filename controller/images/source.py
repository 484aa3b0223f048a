"""Asks an image's web server whether the image is there, before a machine is touched for it.

Registries and files are the agent's affair: only it sees the files, and a registry's digests are checked where they count.
"""

import requests
import urllib3

from agent.protocol.refusal import Refusal
from agent.protocol.web_address import MOST_REDIRECTS, encode_url, follow, is_web_address, shown_url
from controller.errors import Invalid

_TELLS_NOTHING = {
    requests.codes.unauthorized,
    requests.codes.forbidden,
    requests.codes.method_not_allowed,
    requests.codes.request_timeout,
    requests.codes.too_many_requests,
}
"""4xx answers to HEAD that do not say that GET will fail; URLs that are signed for GET answer 401 or 403."""


class _StayingSession(requests.Session):
    """One that never looks at redirects; requests fails on those that are not UTF-8 even if it shall not follow them."""

    def get_redirect_target(self, _response: requests.Response) -> None:
        """Return nothing: :func:`_head` follows by the rules that the agent has."""


def check_reachable(url: str, *, timeout_s: float) -> str | None:
    """Return a warning if nothing can be said from here, ``None`` if the image is there or on no web server.

    Args:
        url: The image.
        timeout_s: Longest wait for the server to take the connection, and again for its answer.

    Raises:
        Invalid: The server says that it will not give this image.
    """
    if not is_web_address(url):
        return None
    try:
        response = _head(url, timeout_s)
    except (
        requests.exceptions.InvalidURL,
        urllib3.exceptions.LocationParseError,
        Refusal,
    ) as error:
        reason = str(error) if isinstance(error, Refusal) else "is no URL that can be asked"
        raise Invalid(
            f"the image cannot be fetched: {shown_url(url):.200}: {reason}; correct instance_info.image_source"
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


def _head(url: str, timeout_s: float) -> requests.Response:
    """Send a HEAD and follow redirects as the agent does.

    Raises:
        Refusal: The URL, or one that a redirect leads to, cannot be asked.
        requests.RequestException: The server cannot be reached.
    """
    target = encode_url(url)
    for _ in range(MOST_REDIRECTS + 1):
        with _StayingSession() as session:  # a new connection: some servers close without saying so
            response = session.head(target, timeout=timeout_s, allow_redirects=False)
        if not response.is_redirect:
            return response
        target = follow(target, response.headers["Location"])
    raise Refusal(f"more than {MOST_REDIRECTS} redirects, the last to {shown_url(target)}")
