"""The audit log: who asked for which change, from where, and what became of it. One line a call, without query and body.

The history of the node that is changed says the same (``store/actor.py``).
"""

import logging
from urllib.parse import quote

from agent.protocol.foreign_text import clean_text
from controller.api.access.principal import Principal
from controller.store.actor import Actor

log = logging.getLogger(__name__)

_MOST_CHARS = 255
"""Of a name; as the columns of the history."""
_MOST_PATH_CHARS = 500
_PLAIN = "/:@~"
"""What stands in paths as it is, beside letters and digits."""


def actor_of(principal: Principal, address: str, method: str, path: str) -> Actor:
    """Return for whom a change is made."""
    return Actor(
        user=_bounded(principal.user),
        project=_bounded(principal.project),
        address=address,
        request=f"{method} {quote(path, safe=_PLAIN)[:_MOST_PATH_CHARS]}",
    )


def log_change(actor: Actor, status: int) -> None:
    """Write the line of a call that is answered."""
    method, _, path = actor.request.partition(" ")
    log.info(
        "audit",
        extra={
            "user": actor.user or "-",
            "project": actor.project or "-",
            "address": actor.address,
            "method": method,
            "path": path,
            "status": status,
            "nodes": ",".join(actor.nodes) or "-",
        },
    )


def _bounded(name: str | None) -> str | None:
    return None if name is None else clean_text(name, _MOST_CHARS)
