"""What the ramdisk's agent says: lookup, heartbeat and inspection results."""

from collections.abc import Sequence
from typing import Any

from agent.protocol.lookup import Heartbeat, LookupResponse
from controller.workflow.services import Services


def lookup(
    services: Services, addresses: Sequence[str], node_uuid: str | None, *, give_token: bool
) -> LookupResponse:
    """Tell an agent which node it is on.

    Args:
        services: The controller's parts.
        addresses: MAC addresses that the agent saw.
        node_uuid: The node, if the agent knows it.
        give_token: The agent's microversion knows agent tokens.

    Raises:
        Invalid: Neither a valid address nor a UUID was given.
        NotFound: No node, or not in a state that may look up (the same bare answer for both).
    """
    raise NotImplementedError


def heartbeat(services: Services, ident: str, beat: Heartbeat) -> None:
    """Take an agent's heartbeat and make the node due.

    Raises:
        NotFound: There is no such node.
        Invalid: A malformed URL, a missing or wrong token, no TLS, another URL than before.
    """
    raise NotImplementedError


def continue_inspection(services: Services, node_uuid: str | None, document: dict[str, Any]) -> str:
    """Take the result of an inspection and return the node's UUID.

    Raises:
        NotFound: No node in ``inspect wait`` fits the document.
    """
    raise NotImplementedError
