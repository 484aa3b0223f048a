"""Requests to one Redfish BMC, through the controller's door for HTTP: one deadline for a whole call, bounded answers, no redirects.

Every request goes to the address that ``driver_info`` has, whatever the BMC's links say: of a link, path and query count.
"""

import logging
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from sushy.connector import Connector

from agent.protocol.foreign_text import clean_line
from controller.bmc.redfish_target import RedfishTarget
from controller.bmc.trust import trust
from controller.peers.http import Limits, PeerHttp, PeerSilent, to_bmc

log = logging.getLogger(__name__)

_MOST_WORDS = 300
_MOST_BYTES = 4 << 20
"""Of one answer; the largest that is known, an attribute registry, has about one million."""


class DeadlineAdapter(BaseAdapter):
    """Carries the requests of the session of ``requests`` that sushy uses; nothing is sent outside of a call."""

    def __init__(self, target: RedfishTarget) -> None:
        """Open nothing yet.

        Raises:
            OSError: What ``redfish_verify_ca`` names cannot be read; ``ssl.SSLError`` if it has no certificate.
        """
        super().__init__()
        self.ends_at: float | None = None
        """Deadline of the call that is under way (``time.monotonic()``)."""
        if target.verify is False:
            # the operator said so; urllib3 would repeat it with every connection
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self._target = target
        self._trusted = trust(target.verify)
        self._door: PeerHttp = to_bmc(self._trusted)
        self._has_told = False

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Send one request and return its whole answer.

        Raises:
            PeerFailed: No answer that can be used before the deadline.
            OSError: What ``redfish_verify_ca`` names cannot be read any more.
        """
        if (
            self.ends_at is None
        ):  # sushy ends its session when it is forgotten, at any time, in any thread
            raise requests.ConnectionError("no call is under way")
        left_s = self.ends_at - time.monotonic()
        if left_s <= 0:
            raise PeerSilent("did not answer in time")
        body = request.body
        answer = self._open_door().call(
            str(request.method),
            self._at_target(str(request.url)),
            Limits(total_s=left_s, most_bytes=_MOST_BYTES),
            headers=_kept(request.headers),
            body=body.encode() if isinstance(body, str) else body,
        )
        response = requests.Response()
        response.status_code = answer.status
        response.reason = answer.reason
        response.headers = CaseInsensitiveDict(answer.headers)
        response._content = answer.body  # noqa: SLF001  # how every adapter of requests fills it in tests and caches
        response.encoding = "utf-8"
        response.url = answer.url
        response.request = request
        return response

    def close(self) -> None:
        """Close the connections."""
        self._door.close()

    def _open_door(self) -> PeerHttp:
        """Return the door, a new one where other certificates are trusted than before."""
        trusted = trust(self._target.verify)
        if trusted is not self._trusted:
            self._door.close()
            self._trusted, self._door = trusted, to_bmc(trusted)
        return self._door

    def _at_target(self, url: str) -> str:
        """Return the address at our BMC of what a link of its leads to."""
        parts = urlsplit(url)
        named = f"{parts.scheme}://{parts.netloc}"
        if named.lower() != self._target.url.lower() and not self._has_told:
            self._has_told = True
            log.warning(
                "BMC %s: its links lead to %r; its own address is asked instead",
                self._target.url,
                clean_line(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", _MOST_WORDS),
            )
        path = parts.path.lstrip("/")
        return f"{self._target.url}/{path}" + (f"?{parts.query}" if parts.query else "")


class BoundedConnector(Connector):  # type: ignore[misc]  # sushy has no types
    """sushy's connector with that adapter; it tries once, for the caller has its own times for trying again."""

    def __init__(self, target: RedfishTarget, adapter: DeadlineAdapter) -> None:
        super().__init__(target.url, server_side_retries=1, server_side_retries_delay=0)
        self._session.trust_env = False  # no proxy, no .netrc
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter)
        self.may_log_in_again = False
        """Whether a refusal may mean that the session has ended; not before the first answer to it."""

    def _op(self, *arguments: Any, allow_reauth: bool = True, **words: Any) -> Any:
        """Make a request; a session that is new is not replaced by another because it is refused: each login counts for a lock-out."""
        again = allow_reauth and self.may_log_in_again
        return super()._op(*arguments, allow_reauth=again, **words)


def _kept(headers: Mapping[str, str | bytes]) -> dict[str, str]:
    """Return the headers without sushy's order to close the connection: a handshake costs a BMC more than the rest."""
    return {
        name: value if isinstance(value, str) else value.decode()
        for name, value in headers.items()
        if name.lower() != "connection"
    }
