"""Asks once more, right before a machine is told to do something, whether the work is still this thread's.

A controller that stood still for longer than its lease (a suspended virtual machine, a disk that hung) wakes in the middle of a stage that
another one has carried out since: what it would order then is of the past, such as to cut the power of a machine that has been deployed. What
it stores is dropped anyway; what it orders nobody can take back. A context variable and no argument, as for ``actor.py``: orders are given
deep in stages and drivers, and none may be forgotten. Who holds nothing (a request of the API, a test) is asked nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Check = Callable[[], None]
"""Raises ``ClaimLost``."""
_CHECK: ContextVar[Check | None] = ContextVar("still_held", default=None)


@contextmanager
def holding(check: Check) -> Iterator[None]:
    """Have every order in the block ask ``check`` before it is given."""
    token = _CHECK.set(check)
    try:
        yield
    finally:
        _CHECK.reset(token)


def require_held() -> None:
    """Raise ``ClaimLost`` if what this thread is at has become somebody else's: nothing may be ordered any more."""
    check = _CHECK.get()
    if check is not None:
        check()
