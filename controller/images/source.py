"""Asks an image's web server whether the image is there, before a machine is touched for it.

Registries and files are the agent's affair: only it sees the files, and a registry's digests are checked where they count.
"""

from http import HTTPStatus

from agent.protocol.web_address import MOST_REDIRECTS, is_web_address, shown_url
from controller.errors import Invalid
from controller.peers.http import BadAddress, Limits, PeerMisbehaved, PeerSilent, to_image_server

_MOST_BYTES = 64 << 10
_TELLS_NOTHING = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_MANY_REQUESTS,
}
"""4xx answers to HEAD that do not say that GET will fail; URLs that are signed for GET answer 401 or 403."""


def check_reachable(url: str, *, timeout_s: float) -> str | None:
    """Return a warning if nothing can be said from here, ``None`` if the image is there or on no web server.

    Args:
        url: The image.
        timeout_s: Longest time for the check, redirects included.

    Raises:
        Invalid: The server says that it will not give this image, or sends where the agent does not go.
    """
    if not is_web_address(url):
        return None
    where = f"{shown_url(url):.200}"
    limits = Limits(total_s=timeout_s, most_bytes=_MOST_BYTES)
    try:
        with to_image_server(url) as http:
            answer = http.call("HEAD", url, limits, most_redirects=MOST_REDIRECTS)
    except BadAddress as error:
        raise Invalid(
            f"the image cannot be fetched: {where}: {error}; correct instance_info.image_source"
        ) from error
    except PeerMisbehaved as error:
        raise Invalid(
            f"the image cannot be fetched: {where} {error}, and the agent goes there neither; correct the "
            "server or instance_info.image_source"
        ) from error
    except PeerSilent as error:
        return (
            f"the image at {where} cannot be checked from the controller: its server {error}; the machine "
            "itself will try"
        )
    if answer.is_ok:
        return None
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status in _TELLS_NOTHING:
        return f"{where} answers {answer.status} to HEAD; the machine itself will try"
    raise Invalid(
        f"the image cannot be fetched: {where} answers {answer.status} {answer.reason}; "
        "correct instance_info.image_source or put the image there"
    )
