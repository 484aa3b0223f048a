"""Asks an image's servers, before a machine is touched for it, whether the image is there and its checksum file lists it.

Registries and files are the agent's affair: only it sees the files, and a registry's digests are checked where they count.
"""

from http import HTTPStatus

from agent.protocol.checksum import checksum_url, expected_checksum
from agent.protocol.image import ImageInfo
from agent.protocol.refusal import Refusal
from agent.protocol.web_address import MOST_REDIRECTS, file_name_of, is_web_address, shown_url
from controller.errors import Invalid
from controller.images.refusals import invalid
from controller.peers.http import (
    Answer,
    BadAddress,
    Limits,
    PeerMisbehaved,
    PeerSilent,
    to_image_server,
)

_MOST_BYTES = 64 << 10
_MOST_CHECKSUM_FILE_BYTES = 1 << 20
"""As the agent's limit."""
_TELLS_NOTHING = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_MANY_REQUESTS,
}
"""4xx answers that do not say that the agent's GET will fail; URLs that are signed for GET answer 401 or 403 to HEAD."""


class _Unknown(Exception):
    """Nothing can be said from here; the text is a warning."""


def check_servers(image: ImageInfo, *, allow_md5: bool, timeout_s: float) -> tuple[str, ...]:
    """Ask for the image and for its checksum file; return warnings about what cannot be said from here.

    Args:
        image: What the agent will be ordered to write.
        allow_md5: Whether the operator accepts MD5.
        timeout_s: Longest time for each of the two, redirects included.

    Raises:
        Invalid: A server says that it will not give the image, or the checksum file has no usable checksum of it.
    """
    said = (
        check_reachable(image.urls[0], timeout_s=timeout_s),
        _check_checksum_file(image, allow_md5=allow_md5, timeout_s=timeout_s),
    )
    return tuple(warning for warning in said if warning)


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
    limits = Limits(total_s=timeout_s, most_bytes=_MOST_BYTES)
    try:
        _ask("HEAD", url, limits, "the image", "instance_info.image_source")
    except _Unknown as warning:
        return str(warning)
    return None


def _check_checksum_file(image: ImageInfo, *, allow_md5: bool, timeout_s: float) -> str | None:
    if checksum_url(image) is None:
        return None
    field = "image_os_hash_value" if image.os_hash_value else "image_checksum"
    limits = Limits(total_s=timeout_s, most_bytes=_MOST_CHECKSUM_FILE_BYTES)

    def fetch(address: str) -> bytes:
        key = f"instance_info.{field}"
        return _ask("GET", address, limits, "the checksum file", key).body

    name = file_name_of(image.urls[0]) or image.id
    try:
        expected_checksum(image, name, fetch, allow_md5=allow_md5)
    except Refusal as error:
        raise invalid(error) from error
    except _Unknown as warning:
        return str(warning)
    return None


def _ask(method: str, url: str, limits: Limits, what: str, key: str) -> Answer:
    """Return a good answer.

    Raises:
        Invalid: The agent will get none either.
        _Unknown: Nobody can say.
    """
    where = f"{shown_url(url):.200}"
    try:
        with to_image_server(url) as http:
            answer = http.call(method, url, limits, most_redirects=MOST_REDIRECTS)
    except BadAddress as error:
        raise Invalid(f"{what} cannot be fetched: {where}: {error}; correct {key}") from error
    except PeerMisbehaved as error:
        raise Invalid(
            f"{what} cannot be fetched: {where} {error}, and the agent goes there neither; correct the server or {key}"
        ) from error
    except PeerSilent as error:
        raise _Unknown(
            f"{what} at {where} cannot be checked from the controller: its server {error}; the machine itself will try"
        ) from error
    if answer.is_ok:
        return answer
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status in _TELLS_NOTHING:
        raise _Unknown(f"{where} answers {answer.status} to {method}; the machine itself will try")
    raise Invalid(
        f"{what} cannot be fetched: {where} answers {answer.status} {answer.reason}; correct {key} or put it there"
    )
