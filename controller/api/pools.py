"""Which pool of the HTTP server serves a path: people, agents and readers of files cannot take each other's place."""

import re
from collections.abc import Mapping

from agent.protocol.http_server.bounds import Bounds, PoolSize
from controller.api.bodies import MOST_BYTES
from controller.api.paths import normal_path
from controller.settings import Settings

PEOPLE, AGENTS, FILES = "people", "agents", "files"
_AGENTS = re.compile(r"/v1/(lookup|heartbeat/.*|continue_inspection)", re.DOTALL)
_WITH_SQLITE = 1
_SEVERAL = 4
"""With a database server, which answers meanwhile; and of agents when many wait: hundreds a second must not wait for one that waits."""
_FILES = re.compile(r"/(boot|images)(/.*)?", re.DOTALL)


def pool_of(path: str) -> str:
    """Return the name of the pool for ``path``."""
    path = normal_path(path)
    if _AGENTS.fullmatch(path):
        return AGENTS
    return FILES if _FILES.fullmatch(path) else PEOPLE


def pools(settings: Settings) -> Mapping[str, PoolSize]:
    """Return how large each pool is, and how many of its requests compute at a time: SQLite answers while one waits."""
    kind, _, _ = settings.database_url.partition(":")
    at_once = _WITH_SQLITE if kind in {"", "sqlite"} else _SEVERAL
    return {
        PEOPLE: PoolSize.of(settings.threads, at_once=at_once),
        AGENTS: PoolSize.of(settings.agent_threads, at_once=at_once, at_once_in_need=_SEVERAL),
        FILES: PoolSize.of(settings.file_threads),
    }


def bounds(settings: Settings) -> Bounds:
    """Return what clients may cost."""
    return Bounds(
        body_bytes=MOST_BYTES,
        connections=settings.connections,
        transfers=settings.file_transfers,
        transfer_rate=settings.file_rate,
    )
