"""The controller's API as the agent sees it: version, lookup, heartbeat, inspection (Ironic API v1).

Several addresses are tried in order; the one that answered is the first the next time.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec
import requests
import urllib3

from agent.errors import ControllerRefused, ControllerUnreachable
from agent.protocol.clocks import date_problem
from agent.protocol.lookup import (
    HEARTBEAT_VERSION,
    LOOKUP_VERSION,
    STATUS_VERSION,
    Heartbeat,
    LookupResponse,
)

log = logging.getLogger(__name__)
VERSION_HEADER = "X-OpenStack-Ironic-API-Version"
REQUEST_ID_HEADER = "X-OpenStack-Request-ID"
_FALLBACK_VERSION = "1.31"  # what Ironic's agent assumes of a server that does not say
_LONGEST_REFUSAL_CHARACTERS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOptions:
    """How the controller is called; ``verify`` is requests': a CA file, or whether to verify at all."""

    timeout_s: float = 30.0
    verify: bool | str = True
    request_id: str = ""


class ControllerClient:
    """Calls the controller."""

    def __init__(self, urls: Sequence[str], options: ConnectionOptions) -> None:
        self._urls = list(urls)
        self._options = options
        self._session = requests.Session()
        self._session.headers.update({"Accept": "application/json", "User-Agent": "ingot-agent"})
        if options.request_id:
            self._session.headers[REQUEST_ID_HEADER] = options.request_id
        # The environment's proxies and CA bundles would silently win over the settings.
        self._session.trust_env = False
        self._session.verify = options.verify
        self._newest: str | None = None

    @property
    def urls(self) -> tuple[str, ...]:
        """The controller's addresses, the one that answered last first."""
        return tuple(self._urls)

    def newest_version(self) -> str:
        """Return the newest microversion of the controller; asked until it was said once.

        Old servers answer 200 without a version, or 404; so does a proxy before a controller that restarts, which is
        why the version assumed then is not kept.

        Raises:
            ControllerUnreachable: Nobody answered.
            ControllerRefused: The answer is neither 200 nor 404.
        """
        if self._newest is not None:
            return self._newest
        response = self._request("GET", "/")
        if response.status_code not in (HTTPStatus.OK, HTTPStatus.NOT_FOUND):
            raise _refusal("version", response)
        self._newest = _version_of(response)
        version = self._newest or _FALLBACK_VERSION
        log.info("controller found", extra={"url": self._urls[0], "version": version})
        return version

    def lookup(self, macs: Sequence[str], node_uuid: str | None) -> LookupResponse:
        """Ask which node has one of ``macs``.

        Raises:
            ControllerUnreachable: Nobody answered.
            ControllerRefused: The answer is not 200, or not a lookup's.
        """
        query = {"addresses": ",".join(macs)}
        if node_uuid is not None:
            query["node_uuid"] = node_uuid
        headers = {VERSION_HEADER: older(self.newest_version(), LOOKUP_VERSION)}
        response = self._request("GET", "/v1/lookup", params=query, headers=headers)
        if response.status_code != HTTPStatus.OK:
            raise _refusal("lookup", response)
        try:
            return msgspec.json.decode(response.content, type=LookupResponse)
        except msgspec.DecodeError as error:
            answered = response.status_code
            raise ControllerRefused(
                f"lookup: not a lookup's answer: {error}", answered=answered
            ) from error

    def heartbeat(self, node_uuid: str, beat: Heartbeat) -> None:
        """Tell the controller that the agent is there and how to call it.

        Raises:
            ControllerUnreachable: Nobody answered.
            ControllerRefused: The answer is not 202.
        """
        version = HEARTBEAT_VERSION if beat.agent_status is None else STATUS_VERSION
        headers = {
            VERSION_HEADER: older(self.newest_version(), version),
            "Content-Type": "application/json",
        }
        body = msgspec.json.encode(beat)
        response = self._request("POST", f"/v1/heartbeat/{node_uuid}", data=body, headers=headers)
        if response.status_code != HTTPStatus.ACCEPTED:
            raise _refusal("heartbeat", response)

    def continue_inspection(self, document: object) -> str | None:
        """Post an inspection; return the node's UUID if the controller says it.

        The addresses of this client are the whole callback URLs here.

        Raises:
            ControllerUnreachable: Nobody answered.
            ControllerRefused: The answer is an error.
        """
        body = msgspec.json.encode(document)
        response = self._request(
            "POST", "", data=body, headers={"Content-Type": "application/json"}
        )
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            raise _refusal("inspection", response)
        answer = _json_of(response.content)
        return answer.get("uuid") if isinstance(answer, dict) else None

    def _request(self, method: str, path: str, **arguments: Any) -> requests.Response:
        failures, has_left = [], False
        for url in tuple(self._urls):
            try:
                response = self._session.request(
                    method, url + path, timeout=self._options.timeout_s, **arguments
                )
            except requests.RequestException as error:
                failures.append(f"{url}: {_why(error, url)}")
                has_left = has_left or not _was_never_sent(error)
                continue
            self._urls.remove(url)
            self._urls.insert(0, url)
            return response
        text = f"no controller answered: {'; '.join(failures)}"
        raise ControllerUnreachable(text, may_have_arrived=has_left)


def older(one: str, other: str) -> str:
    """Return the older of two microversions such as ``1.62``."""
    return min(one, other, key=lambda version: tuple(map(int, version.split("."))))


def refusal_text(content: bytes) -> str:
    """Return what the controller said in the body of an error.

    Ironic's is ``{"error_message": {"faultstring": ..}}``, in older versions with the inner document as text.
    """
    document = _json_of(content)
    message = document.get("error_message") if isinstance(document, dict) else None
    if isinstance(message, str):
        inner = _json_of(message.encode())
        message = inner if isinstance(inner, dict) else {"faultstring": message}
    if isinstance(message, dict) and message.get("faultstring"):
        return str(message["faultstring"])
    return content.decode(errors="replace").strip()[:_LONGEST_REFUSAL_CHARACTERS]


def _refusal(what: str, response: requests.Response) -> ControllerRefused:
    said = refusal_text(response.content) or "nothing more"
    message = f"{what}: the controller answered {response.status_code} {response.reason}: {said}"
    return ControllerRefused(message, answered=response.status_code)


def _version_of(response: requests.Response) -> str | None:
    document = _json_of(response.content)
    try:
        version = str(document["default_version"]["version"])
    except (KeyError, TypeError):
        return None
    parts = version.split(".")
    return version if all(part.isdecimal() for part in parts) else None


def _json_of(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None


def _was_never_sent(error: requests.RequestException) -> bool:
    """Say whether a request certainly has not left: there was no connection for it."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    kinds = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
    return isinstance(error, requests.exceptions.SSLError) or isinstance(reason, kinds)


def _why(error: requests.RequestException, url: str) -> str:
    """Return the reason of a failure; a wrong date is told as one."""
    if words := date_problem(error, url):
        return f"it {words}; ipa-ntp-server or DHCP option 42 set the ramdisk's"
    return _innermost(error)


def _innermost(error: BaseException) -> str:
    """Return the reason at the bottom of requests' pile of exceptions."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    text = str(reason or error)
    return text.partition(": ")[2] or text if text.startswith("<") else text
