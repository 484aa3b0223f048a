"""Fetches images for virtual media and firmware by HTTP(S): a deadline and a byte limit for the whole of it."""

import time
from pathlib import Path

import requests

from tests.lab.redfish.answers import RefusedError

_TIMEOUT_S = 10
_CHUNK_BYTES = 1 << 20
_HTTP_OK = 200


def fetch(
    url: str,
    target: Path,
    *,
    most_bytes: int,
    timeout_s: float,
    login: tuple[str, str] | None = None,
) -> None:
    """Fetch ``url`` into ``target``; what does not come whole leaves no file.

    Raises:
        RefusedError: 400: it cannot be had, is too large, or takes too long.
    """
    deadline = time.monotonic() + timeout_s
    try:
        with (
            requests.Session() as session,
            target.open("wb") as file,
        ):
            session.trust_env = False
            with session.get(
                url,
                stream=True,
                timeout=_TIMEOUT_S,
                auth=login,
                verify=False,  # as BMCs do unless told otherwise
            ) as answer:
                if answer.status_code != _HTTP_OK:
                    raise _unreadable(url)
                for piece in answer.iter_content(_CHUNK_BYTES):
                    file.write(piece)
                    if file.tell() > most_bytes or time.monotonic() > deadline:
                        raise _unreadable(url)
    except (requests.RequestException, RefusedError) as error:
        target.unlink(missing_ok=True)
        raise _unreadable(url) from error


def _unreadable(url: str) -> RefusedError:
    return RefusedError(400, "AccessDenied", url.split("?", maxsplit=1)[0])
