"""Follows a console's event stream, and goes on where it was when the connection breaks."""

import base64
import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from controller.client.api import Api
from controller.client.errors import ClientError, Refused, Unreachable

_HOLD_ON_S = 60.0
"""A controller that restarts is waited for this long."""
_PAUSE_S = 1.0
_CONFLICT = 409


class ConsoleStream:
    """What one console shows."""

    def __init__(
        self, api: Api, ident: str, show: Callable[[bytes], None], tell: Callable[[str], None]
    ) -> None:
        """Prepare.

        Args:
            api: Used by this object alone.
            ident: The node.
            show: Gets what the machine prints.
            tell: Gets sentences about the console.
        """
        self._api, self._ident, self._show, self._tell = api, ident, show, tell
        self._kind = self._place = self._said = ""
        self.error: ClientError | None = None
        """Why it ended, if it should not have."""
        self._has_closed = False

    def run(self) -> None:
        """Follow until the console is closed; ``error`` says why it could not be followed any more."""
        lost_at: float | None = None
        while not self._has_closed:
            try:
                for line in event_lines(self._api.console_pieces(self._ident, self._place)):
                    lost_at = None
                    self._take(line)
            except ClientError as error:
                now = time.monotonic()
                lost_at = lost_at or now
                if not _may_pass(error) or now - lost_at > _HOLD_ON_S:
                    self.error = error
                    return
            if not self._has_closed:
                time.sleep(_PAUSE_S)

    def _take(self, line: str) -> None:
        word, _, value = line.partition(": ")
        if word == "event":
            self._kind = value
        elif word == "id":
            self._place = value
        elif word == "data":
            self._event(self._kind, value)

    def _event(self, kind: str, value: str) -> None:
        if kind == "output":
            self._show(base64.b64decode(value))
        elif kind == "gap":
            self._tell(f"{value} bytes are not stored any more")
        elif kind == "status":
            self._status(json.loads(value))

    def _status(self, standing: dict[str, Any]) -> None:
        state, reason = standing["state"], standing["reason"]
        self._has_closed = state == "closed"
        said = (
            ""
            if state == "open" and not reason
            else f"the console is {state}: {reason}".rstrip(": ")
        )
        if said != self._said:
            self._said = said
            self._tell(said or "the console is open")


def _may_pass(error: ClientError) -> bool:
    """Say whether a controller that restarts would give this error meanwhile."""
    is_not_there_yet = isinstance(error, Refused) and error.status == _CONFLICT
    return isinstance(error, Unreachable) or is_not_there_yet


def event_lines(pieces: Iterable[bytes]) -> Iterable[str]:
    """Return the lines of a stream that comes in pieces, each when it is complete."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace")
