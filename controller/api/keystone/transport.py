"""Keystone's answers by our own door for HTTP: one deadline for all calls of a question, a bound of bytes, no redirects.

``keystoneauth`` takes a session of ``requests``; its own time limits hold for one read each, and it follows redirects with
the tokens in its hands.
"""

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from controller.peers.authorities import read_authorities
from controller.peers.http import Limits, PeerFailed, PeerHttp, to_agent

_MOST_BYTES = 2 * 1024 * 1024
"""Of one answer; a token's has the whole catalog in it."""
_LOGIN = "/auth/tokens"


@dataclass(slots=True, kw_only=True)
class Question:
    """What Keystone is asked about one request, in several calls."""

    ends_at: float
    total_s: float
    failure: str = ""
    """What it did instead of a useful answer, in words that go on after its name; of the last call."""

    def left_s(self) -> float:
        """Return the seconds until the deadline.

        Raises:
            PeerFailed: There are none.
        """
        left_s = self.ends_at - time.monotonic()
        if left_s <= 0:
            raise PeerFailed(f"did not answer within {self.total_s:g} s")
        return left_s


_QUESTION: ContextVar[Question] = ContextVar("keystone_question")


@contextmanager
def asking(total_s: float) -> Iterator[Question]:
    """Have all calls of this thread in the block share one deadline."""
    question = Question(ends_at=time.monotonic() + total_s, total_s=total_s)
    mark = _QUESTION.set(question)
    try:
        yield question
    finally:
        _QUESTION.reset(mark)


def bounded_session(ca_file: str) -> requests.Session:
    """Return a session whose calls are those of a question.

    Args:
        ca_file: The only authorities that are trusted; empty = the system's.

    Raises:
        SettingsError: The file cannot be read or has no certificate.
    """
    session = requests.Session()
    session.trust_env = False  # no login of ~/.netrc, no proxy
    door = _Door(to_agent(read_authorities("keystone_cafile", ca_file)))
    session.mount("http://", door)
    session.mount("https://", door)
    return session


class _Door(BaseAdapter):
    """What ``requests`` sends through."""

    def __init__(self, http: PeerHttp) -> None:
        super().__init__()
        self._http = http

    def send(self, request: requests.PreparedRequest, *_options: Any, **_more: Any) -> Any:
        """Send one call of the question.

        Raises:
            requests.ConnectionError: No answer, or none that may be used.
        """
        question = _QUESTION.get()
        try:
            answer = self._http.call(
                request.method or "GET",
                request.url or "",
                Limits(total_s=question.left_s(), most_bytes=_MOST_BYTES),
                headers={name: str(value) for name, value in request.headers.items()},
                body=_bytes_of(request.body),
            )
        except PeerFailed as error:
            question.failure = str(error)
            raise requests.ConnectionError(str(error), request=request) from error
        question.failure = _refusal(request, answer.status)
        response = requests.Response()
        response.status_code, response.reason, response.url = (
            answer.status,
            answer.reason,
            answer.url,
        )
        response.headers = CaseInsensitiveDict(answer.headers)
        response.raw, response.request = io.BytesIO(answer.body), request
        response.encoding = "utf-8"
        return response

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def _bytes_of(body: Any) -> bytes | None:
    return body.encode() if isinstance(body, str) else body


def _refusal(request: requests.PreparedRequest, status: int) -> str:
    is_login = request.method == "POST" and (request.url or "").endswith(_LOGIN)
    if is_login and status == HTTPStatus.UNAUTHORIZED:
        return "does not let this controller itself log in; its operator must look at keystone_username, keystone_password and the domains and the project beside them"
    if status == HTTPStatus.FORBIDDEN:
        return "does not let this controller's user validate tokens; give it the role service, or reader of the system"
    return f"answers {status}" if status >= HTTPStatus.BAD_REQUEST else ""
