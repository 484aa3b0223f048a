"""On whose behalf this thread works now: what it writes into the histories of nodes names them.

A context variable and no argument: an entry is written deep in a workflow's rules, and none may be forgotten. Threads of the
engine act for nobody.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

_MOST_NODES = 20
"""So many nodes of one call are named in the log; no call of the API changes more at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who has asked for a change."""

    user: str | None
    """``None`` = nobody has asked who it is."""
    project: str | None
    address: str
    """Where the request came from."""
    request: str
    """Method and path; no query, no body."""
    nodes: dict[str, bool] = field(default_factory=dict)
    """UUIDs of the nodes that the call has changed so far: whether their histories say so."""

    @property
    def words(self) -> str:
        """Who it is, in a sentence."""
        return self.user or f"somebody at {self.address}"

    def has(self, node_uuid: str, *, is_told: bool) -> None:
        """Note that the call changes a node, and whether the node's history tells it."""
        if node_uuid in self.nodes or len(self.nodes) < _MOST_NODES:
            self.nodes[node_uuid] = is_told or self.nodes.get(node_uuid, False)


_ACTOR: ContextVar[Actor | None] = ContextVar("actor", default=None)


def actor() -> Actor | None:
    """Return for whom this thread works; ``None`` = for nobody, or nothing is being changed."""
    return _ACTOR.get()


@contextmanager
def acting_for(one: Actor | None) -> Iterator[None]:
    """Let what is written in the block be on behalf of ``one``."""
    token = _ACTOR.set(one)
    try:
        yield
    finally:
        _ACTOR.reset(token)
