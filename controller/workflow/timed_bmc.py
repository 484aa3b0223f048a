"""Connections to BMCs whose calls are counted and timed, and which give no orders for work that has become somebody else's.

Which abilities a connection has is asked by looking for their methods (``isinstance`` with a protocol), so that what stands
before it has the same methods, in a class made once for each class of connections.
"""

import time
from collections.abc import Callable
from functools import cache
from typing import Any

from controller.errors import BmcAuthenticationFailed, BmcUnreachable
from controller.store.still_held import require_held
from controller.workflow.measures import CallKey, Measures

_OFTEN_KNOWN = frozenset({"health"})
"""What mostly comes from the answer to the call before."""

_ONLY_ASK = frozenset({"boot_device", "health", "power_state", "sensors"})
"""What changes nothing, and is called too often for a look into the database each time."""


def timed(connection: Any, interface: str, measures: Measures) -> Any:
    """Return a connection that does what this one does, and notes each call that asks a BMC: those take ``timeout_s``.

    Args:
        connection: One that an implementation of an interface opened.
        interface: Its name, as operators choose it.
        measures: Where calls are counted.
    """
    kind: Any = type(connection)
    return _timed_class(kind)(connection, interface, measures)


class _Timed:
    def __init__(self, connection: Any, interface: str, measures: Measures) -> None:
        self.timed_connection = connection
        self._interface = interface
        self._measures = measures

    def __getattr__(self, name: str) -> Any:
        """Pass on what a connection has of its own, beside the methods of its class."""
        return getattr(self.timed_connection, name)

    def _call(self, name: str, *values: Any, **named: Any) -> Any:
        if "timeout_s" not in named or name in _OFTEN_KNOWN:
            return getattr(self.timed_connection, name)(*values, **named)
        if name not in _ONLY_ASK:
            require_held()
        began = time.monotonic()
        outcome = "error"
        try:
            found = getattr(self.timed_connection, name)(*values, **named)
            outcome = "ok"
        except BmcUnreachable:
            outcome = "unreachable"
            raise
        except BmcAuthenticationFailed:
            outcome = "login refused"
            raise
        else:
            return found
        finally:
            seconds = time.monotonic() - began
            self._measures.note_call(CallKey(self._interface, outcome), seconds)


@cache
def _timed_class(kind: Any) -> type[_Timed]:
    names = [name for name in dir(kind) if name[0] != "_" and callable(getattr(kind, name))]
    return type(f"Timed{kind.__name__}", (_Timed,), {name: _method(name) for name in names})


def _method(name: str) -> Callable[..., Any]:
    def call(self: _Timed, *values: Any, **named: Any) -> Any:
        return self._call(name, *values, **named)

    return call
