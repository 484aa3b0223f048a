"""Waiting for what a test expects, with patience for a busy machine."""

import time
from collections.abc import Callable

_BUSY_MACHINE = 6
"""Times that are enough on an idle machine are multiplied by this: tests share their processors with others."""


def wait_until(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Look every 5 ms until the condition holds.

    Args:
        condition: What is waited for.
        timeout_s: How long it may take on an idle machine; a busy one gets several times as long.
        what: The condition in words.
    """
    deadline = time.monotonic() + _BUSY_MACHINE * timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout_s} s"
        time.sleep(0.005)
