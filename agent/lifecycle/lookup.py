"""Asks the controller who this machine is, until it says so."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from agent.commands.identity import Identity
from agent.errors import ControllerRefused, ControllerUnreachable, LookupFailed
from agent.lifecycle.controller_client import ControllerClient
from agent.protocol.lookup import MASKED_TOKEN, LookupResponse

log = logging.getLogger(__name__)
_LONGEST_DELAY_S = 60.0
_LOCKED_OUT_DELAY_S = 60.0
_NODE_LOCKED_DELAYS_S = (2.0, 5.0, 10.0, 30.0)

Uniform = Callable[[float, float], float]
Wait = Callable[[float], bool]
"""Waits so many seconds; true = the agent is told to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long and how often to ask; ``uniform`` draws the jitter."""

    timeout_s: float
    interval_s: float
    uniform: Uniform
    wait: Wait


def look_up(
    client: ControllerClient,
    find_macs: Callable[[], Sequence[str]],
    node_uuid: str | None,
    identity: Identity,
    patience: Patience,
) -> LookupResponse:
    """Ask until the controller knows this machine, and learn the agent token.

    ``find_macs`` is called for every attempt, because the kernel may find another network interface in between.
    A token that the controller gave to somebody else, or to an earlier process that did not keep it, is asked for slowly and
    without end: the controller forgets it when the machine is powered off.

    Raises:
        LookupFailed: Not within ``patience.timeout_s``, or the agent was told to end.
    """
    deadline = time.monotonic() + patience.timeout_s
    attempt = 0
    while True:
        attempt += 1
        macs = find_macs()
        try:
            found = client.lookup(macs, node_uuid)
            if _learn_token(found, identity):
                return found
            deadline = time.monotonic() + patience.timeout_s
            why, delay_s = "the agent token is not for us", _LOCKED_OUT_DELAY_S
        except (ControllerUnreachable, ControllerRefused) as error:
            why = str(error)
            delay_s = delay_after(attempt, _status_of(error), patience.interval_s, patience.uniform)
        data = {"attempt": attempt, "next_in_s": round(delay_s, 1), "why": why}
        log.warning("lookup without success", extra=data)
        if time.monotonic() + delay_s > deadline:
            raise LookupFailed(
                f"lookup of {','.join(macs)}: no success in {patience.timeout_s:g} s and {attempt} attempts; "
                f"the last: {why}; check that a node with one of these ports exists and is being worked on"
            )
        if patience.wait(delay_s):
            raise LookupFailed("lookup: the agent was told to end")


def delay_after(attempt: int, status: int | None, interval_s: float, uniform: Uniform) -> float:
    """Return the pause after a failed lookup, in seconds.

    Args:
        attempt: How many lookups were made, from 1 on.
        status: HTTP status of the answer; ``None`` = there was none.
        interval_s: Shortest pause; the longest doubles with every attempt up to 60 s.
        uniform: Draws a number between two.
    """
    if status == HTTPStatus.CONFLICT:  # somebody works on the node and will let go of it
        longest = _NODE_LOCKED_DELAYS_S[min(attempt, len(_NODE_LOCKED_DELAYS_S)) - 1]
        return uniform(longest / 2, longest)
    longest = min(_LONGEST_DELAY_S, max(interval_s, 0.1) * 2.0 ** min(attempt, 16))
    return uniform(min(interval_s, longest), longest)


def _status_of(error: Exception) -> int | None:
    return error.answered if isinstance(error, ControllerRefused) else None


def _learn_token(found: LookupResponse, identity: Identity) -> bool:
    """Take the token of the answer; false = it was given out before and we do not have it.

    Raises:
        ControllerRefused: The controller has no agent tokens at all.
    """
    token = found.config.agent_token
    if token == MASKED_TOKEN:
        if identity.token is not None:
            return True
        log.error(
            "locked out: the controller gave this boot's agent token away before and we do not have it; "
            "if no other machine has this MAC address, power the machine off and start the operation again",
            extra={"node": found.node.uuid},
        )
        return False
    if not token:
        if identity.token is not None:
            return True
        message = "lookup: the controller gave no agent token; it must support API version 1.62"
        raise ControllerRefused(message, answered=HTTPStatus.OK)
    identity.learn_token(token)
    return True
