"""Who this machine is to the controller: its node and the agent token.

The token is handed out once per boot. It is kept in a file for root alone, so that a restarted agent is still believed.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.system.state_files import read_if_there, write_private

log = logging.getLogger(__name__)


class Identity:
    """What lookup (or ``poll.set_node_info``) said; ``node`` is the controller's document, empty before."""

    def __init__(self, token_path: Path, preset_token: str = "") -> None:
        self._token_path = token_path
        kept = read_if_there(token_path)
        self._token = preset_token or (kept.decode() if kept else None)
        self.node: Mapping[str, Any] = {}

    @property
    def token(self) -> str | None:
        """The agent token; ``None`` = none was handed out yet."""
        return self._token

    def learn_token(self, token: str) -> None:
        """Remember ``token``, also for a later process of this boot."""
        if token == self._token:
            return
        self._token = token
        try:
            write_private(self._token_path, token.encode())
        except OSError as error:
            data = {"file": str(self._token_path), "why": error.strerror}
            log.warning("token not kept; a restarted agent will be locked out", extra=data)
