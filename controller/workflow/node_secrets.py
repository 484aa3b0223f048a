"""Which secrets a node has: what is masked in whatever its agent says, before that is stored.

An agent has them from us (its token, a rescue password's hash, the config drive) or from the hardware (the BMC's password), and a
tool's complaint that it passes on may quote them.
"""

import re
from functools import lru_cache
from typing import Any

from agent.protocol.config_drive import decode
from agent.protocol.known_secrets import KnownSecrets
from agent.protocol.refusal import Refusal
from agent.protocol.secret_names import is_secret
from agent.protocol.secret_values import secret_values
from controller.store.tables import Node

_RESCUE = "rescue_password"
"""How the keys of a work's data begin that hold it and its hash."""
_NO_VALUES = frozenset({"image_url", "configdrive"})
"""Secret as a whole in the API; the address of an image is needed in messages, and its password is found by its form."""
_LONGEST_DRIVE_CHARS = 4 << 20
_NAMED = re.compile(
    rb"""(?P<name>[A-Za-z][\w.-]{0,63})["']?[ \t]*[:=][ \t]*(?P<quote>["']?)(?P<value>[^\s"']{1,256})"""
)
"""A name and its value, as YAML, JSON, shells and ini files write it."""


def secrets_of(node: Node) -> KnownSecrets:
    """Return the values of a node's secrets, those that its workflow keeps among them."""
    work = dict(node.work.data) if node.work is not None else {}
    of_boot = {node.agent_secret, *quotable_of(node).values()}
    drive = node.config_drive or ""
    documents = (work, node.driver_info or {}, node.instance_info or {})
    chosen = {one for document in documents for one in secret_values(document, _NO_VALUES)}
    if drive and "://" not in drive:
        chosen |= _in_config_drive(drive)
    everywhere = frozenset(one for one in of_boot if isinstance(one, str) and one)
    return KnownSecrets(
        everywhere=everywhere, in_sentences=frozenset(chosen) - everywhere, packed=drive or None
    )


def quotable_of(node: Node) -> dict[str, Any]:
    """Return what the work of a failed workflow hands on to the one that collects the logs, which may quote it."""
    data = dict(node.work.data) if node.work is not None else {}
    return {key: value for key, value in data.items() if key.startswith(_RESCUE)}


@lru_cache(maxsize=16)
def _in_config_drive(drive: str) -> frozenset[str]:
    """Return the values in a config drive that stand under the names of secrets; none of one that is too large to look through."""
    if len(drive) > _LONGEST_DRIVE_CHARS:
        return frozenset()
    try:
        content = decode(drive)
    except Refusal:
        return frozenset()
    return frozenset(
        match["value"].decode("utf-8", "replace").strip(",;")
        for match in _NAMED.finditer(content)
        if is_secret(match["name"].decode())
    ) - {""}
