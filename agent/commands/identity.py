"""Who this machine is to the controller: its node and the agent token.

The token is handed out once per boot. It is kept in a file for root alone, so that a restarted agent is still believed; so is what the
node says of disks, so that a restarted agent still knows which one is meant and which must be left alone.
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.system.state_files import read_if_there, write_private

log = logging.getLogger(__name__)


_DISK_RULES = {
    "properties": ("root_device", "skip_block_devices"),
    "instance_info": ("root_device",),
}


class Identity:
    """What the controller last said of its node: at the lookup, or with any command that carries a node."""

    def __init__(self, token_path: Path, preset_token: str = "") -> None:
        self._token_path = token_path
        kept = read_if_there(token_path)
        self._token = preset_token or (kept.decode() if kept else None)
        self._node_path = token_path.with_name("node.json")
        self._node: Mapping[str, Any] | None = None

    @property
    def node(self) -> Mapping[str, Any] | None:
        """The controller's document of the node; after a restart what it says of disks. ``None`` = nobody said anything yet."""
        if self._node is None and (kept := read_if_there(self._node_path)) is not None:
            self._node = json.loads(kept)
        return self._node

    @property
    def node_uuid(self) -> str | None:
        """Which node an earlier process of this boot, whose token is kept, was on; ``None`` = there was none.

        With it a restarted agent says at its lookup that it is no new boot: the controller takes one that cannot for a machine that was
        reset, which has lost what it was at.
        """
        uuid = None if self._token is None or self.node is None else self.node.get("uuid")
        return uuid if isinstance(uuid, str) else None

    def learn_node(self, node: Mapping[str, Any]) -> None:
        """Take ``node`` for what the machine is now, and what it says of disks also for a later process of this boot."""
        self._node = node
        rules = {
            place: {name: value for name in names if (value := (node.get(place) or {}).get(name))}
            for place, names in _DISK_RULES.items()
        }
        try:
            write_private(self._node_path, json.dumps({"uuid": node.get("uuid"), **rules}).encode())
        except OSError as error:
            data = {"file": str(self._node_path), "why": error.strerror}
            log.warning("node not kept; a restarted agent will not know its disks", extra=data)

    @property
    def token(self) -> str | None:
        """The agent token; ``None`` = none was handed out yet."""
        return self._token

    def forget_token(self) -> None:
        """Leave no token to whoever gets at the ramdisk's files."""
        self._token = None
        self._token_path.unlink(missing_ok=True)

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
