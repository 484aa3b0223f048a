"""Calls one agent (Ironic agent API v1): its commands, and orders to it.

Agents use self-signed certificates which they send with the heartbeat; that certificate is the only one
trusted for its agent. The agent token travels in the query string, so URLs never appear in messages.
Whatever an agent answers is cleaned here, and the secrets of its node are masked, before anybody reads it.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from agent.protocol.commands import CommandList, CommandResult
from agent.protocol.foreign_text import Bounds, UnfitDocument, clean_line, read_document
from agent.protocol.known_secrets import KnownSecrets
from controller.errors import AgentRefused, AgentUnreachable
from controller.peers.http import Answer, BadAddress, Limits, PeerMisbehaved, PeerSilent, to_agent
from controller.store.still_held import require_held

_RETRY_S = 1.0
_LOGS = "log.collect_system_logs"
_MOST_LOG_BYTES = 96 << 20
"""64 MiB of logs in base64, and what is around them."""
_MOST_BYTES = 4 << 20
"""Of other answers; the list of a boot's commands has the results of all."""
_MOST_FAULT_CHARS = 300
_Shape = TypeVar("_Shape")


class AgentBusy(AgentUnreachable):
    """The agent is at another command (HTTP 409); it may soon be free."""


class AgentClient:
    """One agent."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        verify_ca: str | None,
        timeout_s: float,
        secrets: KnownSecrets | None = None,
    ) -> None:
        """Prepare calls; nothing is opened yet.

        Args:
            url: Where the agent listens (``callback_url`` of its heartbeat).
            token: The agent token of this boot.
            verify_ca: PEM of the agent's certificate; ``None`` = trust the system's authorities.
            timeout_s: Longest time for one call, from connecting to the last byte of the answer.
            secrets: What the agent may quote and nobody shall read; the token alone if nothing is given.
        """
        self.url = url.rstrip("/")
        self._token = token
        self._timeout_s = timeout_s
        self._secrets = secrets or KnownSecrets(everywhere=frozenset({token}))
        self._http = to_agent(verify_ca)

    def commands(self) -> list[CommandResult]:
        """Return all commands of this boot, oldest first.

        Raises:
            AgentUnreachable: No whole answer in time.
            AgentRefused: The agent does not accept the token, or answers nonsense.
        """
        body = self._call("GET", {}, most_bytes=_MOST_BYTES)
        commands = self._decode(body, CommandList, Bounds()).commands
        return [self._without_secrets(command) for command in commands]

    def execute(self, name: str, params: Mapping[str, Any], *, wait: bool = False) -> CommandResult:
        """Order a command (``<namespace>.<command>``); ``wait`` = until it has ended.

        Raises:
            AgentBusy: Another command is running.
            AgentUnreachable: No whole answer in time; the agent may have got the order nevertheless.
            AgentRefused: The agent does not know or accept the command, or answers nonsense.
            ClaimLost: What the caller is at has become somebody else's; nothing was sent.
        """
        require_held()
        body = msgspec.json.encode({"name": name, "params": params})
        most_bytes = _MOST_LOG_BYTES if name == _LOGS else _MOST_BYTES
        bounds = Bounds(most_chars=most_bytes) if name == _LOGS else Bounds()
        query = {"wait": "true" if wait else "false"}
        answer = self._call("POST", query, body, most_bytes=most_bytes)
        command = self._decode(answer, CommandResult, bounds)
        return command if name == _LOGS else self._without_secrets(command)

    def stop(self, command_id: str) -> None:
        """Ask the agent to end a running command in the middle; it ends later, as ``FAILED``.

        Raises:
            AgentUnreachable: No answer in time.
            AgentRefused: The command cannot be stopped, has ended, or the agent cannot stop any.
            ClaimLost: As :meth:`execute`.
        """
        require_held()
        url = f"{self.url}/v1/commands/{quote(command_id, safe='')}?{urlencode({'agent_token': self._token})}"
        self._send("DELETE", url, None, most_bytes=_MOST_BYTES, taken=HTTPStatus.ACCEPTED)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _call(
        self, method: str, query: Mapping[str, str], body: bytes | None = None, *, most_bytes: int
    ) -> bytes:
        url = f"{self.url}/v1/commands/?{urlencode({**query, 'agent_token': self._token})}"
        return self._send(method, url, body, most_bytes=most_bytes, taken=HTTPStatus.OK)

    def _send(
        self, method: str, url: str, body: bytes | None, *, most_bytes: int, taken: HTTPStatus
    ) -> bytes:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        limits = Limits(total_s=self._timeout_s, most_bytes=most_bytes)
        try:
            answer = self._http.call(method, url, limits, headers=headers, body=body)
        except PeerSilent as error:
            message = (
                f"the agent at {self.url} did not answer: it {self._secrets.text(str(error))}; look at the machine's console and the "
                "network between"
            )
            raise AgentUnreachable(message, delay_s=_RETRY_S) from None  # its cause shows the token
        except (PeerMisbehaved, BadAddress) as error:
            raise AgentRefused(
                f"the agent at {self.url} is not to be trusted or out of order: it {self._secrets.text(str(error))}; look at what runs "
                "on the machine"
            ) from None
        if answer.status == taken:
            return answer.body
        if method == "DELETE":
            text = f"the agent at {self.url} answers {answer.status}: {self._fault(answer)}"
            raise AgentRefused(text)
        raise self._refusal(answer)

    def _refusal(self, answer: Answer) -> AgentRefused | AgentBusy:
        text = self._fault(answer)
        if answer.status == HTTPStatus.CONFLICT or "agent is busy" in text.lower():
            return AgentBusy(f"the agent at {self.url} is busy: {text}", delay_s=_RETRY_S)
        return AgentRefused(f"the agent at {self.url} answers {answer.status}: {text}")

    def _decode(self, body: bytes, shape: type[_Shape], bounds: Bounds) -> _Shape:
        try:
            return msgspec.convert(read_document(body, bounds), shape)
        except (UnfitDocument, msgspec.ValidationError) as error:
            text = f"the agent at {self.url} answers nonsense: {clean_line(self._secrets.text(str(error)))}"
            raise AgentRefused(text) from error

    def _fault(self, answer: Answer) -> str:
        try:
            text = read_document(answer.body)["faultstring"]
        except (UnfitDocument, LookupError, TypeError):
            text = answer.body.decode(errors="replace") or answer.reason
        return clean_line(self._secrets.text(str(text)), _MOST_FAULT_CHARS)

    def _without_secrets(self, command: CommandResult) -> CommandResult:
        progress = command.progress
        if progress is not None:
            texts = {"phase": progress.phase, "message": progress.message}
            progress = msgspec.structs.replace(progress, **self._secrets.texts(texts))
        return msgspec.structs.replace(
            command,
            command_error=self._secrets.texts(command.command_error),
            command_result=self._secrets.document(command.command_result),
            progress=progress,
        )
