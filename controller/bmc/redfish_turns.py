"""Long reading from a Redfish BMC in turns of a few seconds: what others want of it meanwhile, an order of power first of all, comes between."""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from sushy.resources.system.system import System

from controller.bmc.redfish_call import RedfishCalls
from controller.errors import BmcError, BmcUnreachable

Found = TypeVar("Found")

_TURN_S = 3.0
"""After which a turn begins no further request."""
_LONGEST_TURN_S = 15.0
"""What a turn has at most, its last request included: half of what a call for power waits (``bmc_timeout_s``)."""
_PAUSE_S = 0.05
"""Between two turns: who waits for the BMC would not get it from one who takes it again at once."""


def in_turns(
    calls: RedfishCalls,
    what: str,
    timeout_s: float,
    begin: Callable[[System], Iterator[Found | None]],
) -> Iterator[Found]:
    """Give what an iterator gives, turn by turn; what it gave before an error, too.

    Args:
        calls: To the system.
        what: Names the call in errors.
        timeout_s: Everything ends by then.
        begin: Is given the system of the first turn. Its iterator gives something, ``None`` where it has nothing, after each few requests.

    Raises:
        BmcUnreachable: Not in time, or the login is another one than it was at first; further as ``RedfishCalls.ask``.
    """
    ends_at = time.monotonic() + timeout_s
    running: Iterator[Found | None] | None = None
    connector = None
    found: list[Found] = []

    def go_on(system: System) -> bool:
        nonlocal running, connector
        if running is None:
            running, connector = begin(system), system._conn  # noqa: SLF001  # as redfish_document.read
        if system._conn is not connector:  # noqa: SLF001  # as above
            why = "others had to log in anew meanwhile; try again"
            raise BmcUnreachable(str(calls.refusal(what, why)))
        turn_ends_at = time.monotonic() + _TURN_S
        for one in running:
            if one is not None:
                found.append(one)
            if time.monotonic() >= turn_ends_at:
                return False
        return True

    is_over = False
    while not is_over:
        left_s = max(ends_at - time.monotonic(), 0.0)
        try:
            is_over = calls.ask(what, min(left_s, _LONGEST_TURN_S), go_on)
        except BmcError:
            yield from found
            raise
        yield from found
        found.clear()
        if not is_over:
            time.sleep(_PAUSE_S)
