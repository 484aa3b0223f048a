"""Calls one agent (Ironic agent API v1): its commands, and orders to it.

Agents use self-signed certificates which they send with the heartbeat; that certificate is the only one
trusted for its agent. The agent token travels in the query string, so URLs never appear in messages.
"""

import ssl
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
import requests
from requests.adapters import HTTPAdapter

from agent.protocol.commands import CommandList, CommandResult
from controller.errors import AgentRefused, AgentUnreachable

_RETRY_S = 1.0
_Shape = TypeVar("_Shape")


class AgentBusy(AgentUnreachable):
    """The agent is at another command (HTTP 409); it may soon be free."""


class AgentClient:
    """One agent."""

    def __init__(self, url: str, token: str, *, verify_ca: str | None, timeout_s: float) -> None:
        """Prepare calls; nothing is opened yet.

        Args:
            url: Where the agent listens (``callback_url`` of its heartbeat).
            token: The agent token of this boot.
            verify_ca: PEM of the agent's certificate; ``None`` = trust the system's authorities.
            timeout_s: Longest wait for one answer.
        """
        self.url = url.rstrip("/")
        self._token = token
        self._timeout_s = timeout_s
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy of the controller is not meant for agents
        if verify_ca:
            self._session.mount("https://", _PinnedCertificate(verify_ca))

    def commands(self) -> list[CommandResult]:
        """Return all commands of this boot, oldest first.

        Raises:
            AgentUnreachable: No answer in time.
            AgentRefused: The agent does not accept the token, or answers nonsense.
        """
        body = self._call("GET", {})
        return self._decode(body, CommandList).commands

    def execute(self, name: str, params: Mapping[str, Any], *, wait: bool = False) -> CommandResult:
        """Order a command (``<namespace>.<command>``); ``wait`` = until it has ended.

        Raises:
            AgentBusy: Another command is running.
            AgentUnreachable: No answer in time; the agent may have got the order nevertheless.
            AgentRefused: The agent does not know or accept the command.
        """
        body = msgspec.json.encode({"name": name, "params": params})
        answer = self._call("POST", {"wait": "true" if wait else "false"}, body)
        return self._decode(answer, CommandResult)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _call(self, method: str, query: Mapping[str, str], body: bytes | None = None) -> bytes:
        url = f"{self.url}/v1/commands/"
        try:
            response = self._session.request(
                method,
                url,
                params={**query, "agent_token": self._token},
                data=body,
                headers={"Content-Type": "application/json", "Accept": "application/json"},
                timeout=self._timeout_s,
            )
        except requests.RequestException as error:
            reason = _reason(error)
            message = f"the agent at {self.url} did not answer ({reason})"
            raise AgentUnreachable(message, delay_s=_RETRY_S) from None  # its text shows the token
        if response.ok:
            return response.content
        text = _fault(response)
        if response.status_code == requests.codes.conflict or "agent is busy" in text.lower():
            raise AgentBusy(f"the agent at {self.url} is busy: {text}", delay_s=_RETRY_S)
        raise AgentRefused(f"the agent at {self.url} answers {response.status_code}: {text}")

    def _decode(self, body: bytes, shape: type[_Shape]) -> _Shape:
        try:
            return msgspec.json.decode(body, type=shape)
        except msgspec.DecodeError as error:
            raise AgentRefused(f"the agent at {self.url} answers nonsense: {error}") from error


class _PinnedCertificate(HTTPAdapter):
    """Trusts exactly one self-signed certificate."""

    def __init__(self, pem: str) -> None:
        self._context = ssl.create_default_context(cadata=pem)
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return "timed out"
    if isinstance(error, requests.exceptions.SSLError):
        return "its TLS certificate is not the one that it announced"
    if isinstance(error, requests.ConnectionError):
        return "connection refused or broken"
    return type(error).__name__


def _fault(response: requests.Response) -> str:
    try:
        text = str(response.json()["faultstring"])
    except (ValueError, KeyError, TypeError):
        text = response.text[:300]
    return " ".join(text.split())
