"""The last word of an agent that starts another system in its place: the controller must have it before, or must not miss it.

Afterwards there is nobody who could say it, and an agent that is silent may as well have died. So the controller believes in a start only
when it has stored this word, and the agent starts only when the word was taken, or may have been.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from agent.errors import ControllerRefused, ControllerUnreachable, KexecNotPossible

log = logging.getLogger(__name__)
_AGAIN_S = 1.0
_PASSING = frozenset({HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(slots=True, kw_only=True)
class LastWord:
    """Tells the controller that this agent ends.

    ``wait`` waits so many seconds, true = the agent is told to end. ``send`` sends the word once.
    """

    wait: Callable[[float], bool]
    send: Callable[[], None]
    monotonic: Callable[[], float] = time.monotonic

    def say(self, patience_s: float) -> None:
        """Say it until the controller has taken it, or for ``patience_s`` seconds; the controller waits longer before it cuts the power.

        Raises:
            KexecNotPossible: The controller has certainly not taken it: it would cut the power of the system that was started.
        """
        give_up_at = self.monotonic() + patience_s
        may_have_it = False
        while True:
            try:
                self.send()
            except ControllerUnreachable as error:
                why, may_have_it = str(error), may_have_it or error.may_have_arrived
            except ControllerRefused as error:
                why = _refusal(error)
            else:
                return
            log.warning("our end was not taken; trying again", extra={"why": why})
            if self.monotonic() >= give_up_at or self.wait(_AGAIN_S):
                break
        if not may_have_it:
            raise KexecNotPossible(f"no controller was told of our end in {patience_s:g} s: {why}")
        log.warning("the controller may know of our end; its answer did not come")


def _refusal(error: ControllerRefused) -> str:
    """Return the reason of a refusal that may pass.

    Raises:
        KexecNotPossible: It will not.
    """
    if error.answered < HTTPStatus.INTERNAL_SERVER_ERROR and error.answered not in _PASSING:
        raise KexecNotPossible(f"the controller does not take our end: {error}") from error
    return str(error)
