"""Keeps the connections to agents between two stages, so that a look at the progress costs no TLS handshake."""

import threading
from collections import OrderedDict

from agent.protocol.known_secrets import KnownSecrets
from controller.agent_client.client import AgentClient

_MOST_CLIENTS = 256
_Key = tuple[str, str, str | None, KnownSecrets]


class AgentPool:
    """The agents talked to last; safe to use from several threads."""

    def __init__(self) -> None:
        self._clients: OrderedDict[_Key, AgentClient] = OrderedDict()
        self._lock = threading.Lock()

    def client(
        self,
        url: str,
        token: str,
        *,
        verify_ca: str | None,
        timeout_s: float,
        secrets: KnownSecrets,
    ) -> AgentClient:
        """Return the client for one boot of one agent; parameters as of ``AgentClient``."""
        key = (url, token, verify_ca, secrets)
        with self._lock:
            client = self._clients.pop(key, None)
            if client is None:
                client = AgentClient(
                    url, token, verify_ca=verify_ca, timeout_s=timeout_s, secrets=secrets
                )
            self._clients[key] = client
            if len(self._clients) > _MOST_CLIENTS:
                _key, oldest = self._clients.popitem(last=False)
                oldest.close()
        return client

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            while self._clients:
                _key, client = self._clients.popitem()
                client.close()
