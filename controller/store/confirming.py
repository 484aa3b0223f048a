"""Asks once more, under the lock, whether a row may be changed: what was decided before may rest on what it was then.

A request is allowed by what a node is (its owner, its lessee) before its transaction begins; meanwhile somebody may give the node
away, or its name to another one. Whoever locks a row for a change shows it here. A context variable and no argument, as for
``actor.py``: rows are locked deep in a workflow's rules, and none may be forgotten. Threads of the engine ask nobody.
A console, of which nothing is in the database, is asked about where its node has just been read.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

Look = Callable[[Any], None]
"""Gets a locked row that has a ``uuid`` and an ``owner``; raises what refuses its change."""
_LOOK: ContextVar[Look | None] = ContextVar("look", default=None)


@contextmanager
def confirming(look: Look) -> Iterator[None]:
    """Have every row that is locked in the block looked at."""
    token = _LOOK.set(look)
    try:
        yield
    finally:
        _LOOK.reset(token)


def confirm(row: Any) -> None:
    """Show a row that was just locked.

    Raises:
        ControllerError: It may not be changed.
    """
    look = _LOOK.get()
    if look is not None:
        look(row)
