"""Commands of the ``poll`` namespace: what the machine is made of; for an agent without a controller, which node it is."""

from collections.abc import Iterable
from typing import Any

import msgspec

from agent.commands.command import Command, Control, Job, Kind, Params, parse_params
from agent.commands.identity import Identity
from agent.errors import InvalidRequest
from agent.hardware.registry import Hardware
from agent.inspection.inventory import collect
from agent.protocol.inventory import Inventory


class _NodeInfoConfig(msgspec.Struct, frozen=True, kw_only=True):
    agent_token: str | None = None


class _NodeInfo(msgspec.Struct, frozen=True, kw_only=True):
    node: dict[str, Any]
    config: _NodeInfoConfig = _NodeInfoConfig()


class _SetNodeInfo(msgspec.Struct, frozen=True, kw_only=True):
    node_info: _NodeInfo


class MachineInfo:
    """The commands and what they need."""

    def __init__(
        self, hardware: Hardware, identity: Identity, *, hostname: str, standalone: bool
    ) -> None:
        self._hardware = hardware
        self._identity = identity
        self._hostname = hostname
        self._standalone = standalone

    def commands(self) -> Iterable[Command]:
        """Return the commands of this namespace."""
        return [
            Command(name="poll.get_hardware_info", kind=Kind.SYNC, prepare=self.get_hardware_info),
            Command(name="poll.set_node_info", kind=Kind.SYNC, prepare=self.set_node_info),
        ]

    def get_hardware_info(self, _params: Params) -> Job:
        """Return the inventory."""

        def tell(_control: Control) -> Inventory:
            return collect(self._hardware, self._hostname)

        return tell

    def set_node_info(self, params: Params) -> Job:
        """Take ``node_info`` (the shape of a lookup's answer) for an agent that looks nobody up."""
        if not self._standalone:
            raise InvalidRequest(
                "set_node_info: only for an agent started with ipa-standalone=1; this one asks its controller"
            )
        told = parse_params(params, _SetNodeInfo, "set_node_info").node_info

        def learn(_control: Control) -> None:
            self._identity.learn_node(told.node)
            if told.config.agent_token is not None:
                self._identity.learn_token(told.config.agent_token)

        return learn
