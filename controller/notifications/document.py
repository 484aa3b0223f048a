"""A notification as others get it, and which ones somebody gets. Pure.

The envelope is that of Ironic's notifications (``doc/source/admin/notifications.rst``), with ``id``, its number in our log.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

import msgspec

from controller.store.json_text import json_value
from controller.store.notification_log import Told

_ENCODER = msgspec.json.Encoder()
_DATA, _LAST_ERROR = "ironic_object.data", "last_error"
Looks = Callable[[Told], bool]


def _everything(_row: Told) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which notifications somebody gets, and how much of them."""

    types: tuple[str, ...] = ()
    """Event types, with ``*`` for any letters; none = all."""
    node_uuid: str | None = None
    """Of this node alone."""
    sees: Looks = _everything
    sees_error: Looks = _everything
    """Whether ``last_error`` is for them, which the lessee of a node does not see."""

    def document(self, row: Told) -> bytes | None:
        """Return a notification as JSON in one line; ``None`` = it is not for them."""
        if self.node_uuid is not None and row.node_uuid != self.node_uuid:
            return None
        if not fits(self.types, row.event_type) or not self.sees(row):
            return None
        return envelope(row, with_error=self.sees_error(row))


@lru_cache(maxsize=1024)
def fits(types: Sequence[str], event_type: str) -> bool:
    """Say whether an event type is one of ``types``."""
    return not types or any(fnmatchcase(event_type, one) for one in types)


def envelope(row: Told, *, with_error: bool = True) -> bytes:
    """Return a row of the log as JSON in one line."""
    payload: Any = msgspec.Raw(row.payload.encode())
    if not with_error:
        payload = json_value(row.payload)
        if _LAST_ERROR in payload[_DATA]:
            payload[_DATA][_LAST_ERROR] = None
    return _ENCODER.encode(
        {
            "id": row.number,
            "event_type": row.event_type,
            "priority": row.priority,
            "timestamp": datetime.fromtimestamp(row.at, UTC).isoformat(),
            "publisher_id": row.publisher,
            "message_id": row.message_id,
            "payload": payload,
        }
    )
