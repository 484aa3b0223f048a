"""How a connection to PostgreSQL is opened, so that a controller that is lost holds up no other one. Pure.

A transaction that changes a node has its row locked until it commits, one that numbers notifications the one row of their counter. A
controller whose machine or network dies before that, or that is stopped (SIGSTOP, a frozen virtual machine), would keep it for as long as
TCP waits, two hours: so the server ends a transaction that waits for its client, and both sides notice a peer that is gone.

Sources: PostgreSQL, "Client Connection Defaults" and "Connections and Authentication"; libpq, "Parameter Key Words".
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.engine import make_url

IDLE_IN_TRANSACTION_S = 15
"""No transaction of ours waits for anything but the database: a moment for what is worked out between two statements."""
_IDLE_S, _INTERVAL_S, _COUNT = 10, 5, 3
_UNANSWERED_MS = 1000 * (_IDLE_S + _INTERVAL_S * _COUNT)
_SERVER = {
    "idle_in_transaction_session_timeout": 1000 * IDLE_IN_TRANSACTION_S,
    "tcp_keepalives_idle": _IDLE_S,
    "tcp_keepalives_interval": _INTERVAL_S,
    "tcp_keepalives_count": _COUNT,
    "tcp_user_timeout": _UNANSWERED_MS,
}
_CLIENT = {
    "keepalives_idle": _IDLE_S,
    "keepalives_interval": _INTERVAL_S,
    "keepalives_count": _COUNT,
    "tcp_user_timeout": _UNANSWERED_MS,
}


def connection_options(url: str) -> Mapping[str, Any]:
    """Return what libpq is told besides ``url`` (SQLAlchemy's form); what its query says itself wins."""
    said = make_url(url).query
    ours = " ".join(f"-c {name}={value}" for name, value in _SERVER.items())
    theirs = said.get("options", "")
    words = (ours, *((theirs,) if isinstance(theirs, str) else theirs))
    client = {name: value for name, value in _CLIENT.items() if name not in said}
    return {**client, "options": " ".join(filter(None, words))}
