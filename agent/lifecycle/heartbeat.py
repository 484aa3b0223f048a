"""Tells the controller again and again that the agent is there; at once when there is news, and again until it asks what the news is.

Ironic accepts a heartbeat (202) and drops it when it still holds the node's lock, as right after the order of a step that is done in a
moment. The next regular one comes minutes later; until then a node would stand in ``clean wait`` with nothing to do.
"""

import logging
import threading
from collections.abc import Callable
from http import HTTPStatus

from agent.errors import AgentError, ControllerRefused, ControllerUnreachable
from agent.system.status import StatusBoard

log = logging.getLogger(__name__)
_RETRY_S = 5.0
_MOST_DOUBLED = 6
_RETRY_SHARE = 0.15
"""Of the controller's time limit: no pause between failures is longer than twice that, so that it hears of us within the limit."""
_QUIET_FAILURES = 12
_AGAIN_S = (5.0, 15.0, 45.0)
"""Pauses after accepted heartbeats with news that nobody asked for yet."""

Uniform = Callable[[float, float], float]


class Heartbeater:
    """Beats in a thread of its own, once it is started."""

    def __init__(self, uniform: Uniform, board: StatusBoard) -> None:
        self._uniform = uniform
        self._board = board
        self._changed = threading.Condition()
        self._has_news = False
        self._is_asked = False
        self._stopped = False
        self._failures = 0
        self._is_busy_node = False
        """The last one was refused because something goes on with the node, which ends soon (409)."""
        self._thread: threading.Thread | None = None
        self.has_tried = threading.Event()
        """The first heartbeat was sent, or could not be; what is of lower rank may use the processor."""

    def start(self, beat: Callable[[], None], heartbeat_timeout_s: float) -> None:
        """Send the first heartbeat now.

        Args:
            beat: Sends one heartbeat.
            heartbeat_timeout_s: The controller's; it hears of us two to three times in it.
        """
        arguments = (beat, heartbeat_timeout_s)
        self._thread = threading.Thread(
            target=self._run, args=arguments, name="heartbeat", daemon=True
        )
        self._thread.start()

    def must_run(self) -> None:
        """Check that heartbeats are still sent, if they ever were.

        Raises:
            AgentError: They are not; the agent must be started again.
        """
        if self._thread is not None and not self._thread.is_alive():
            raise AgentError("heartbeats ended by themselves; the traceback above says why")

    def stop(self) -> None:
        """Send no more."""
        self.has_tried.set()
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def beat_now(self) -> None:
        """Send one at once; calls during a heartbeat that is under way make one more."""
        with self._changed:
            self._has_news, self._is_asked = True, False
            self._changed.notify_all()

    def was_asked(self) -> None:
        """Note that the controller knows of the news: it asked for commands, or gave one."""
        with self._changed:
            self._is_asked = True
            self._changed.notify_all()

    def _run(self, beat: Callable[[], None], heartbeat_timeout_s: float) -> None:
        pauses = iter(_AGAIN_S)
        while not self._stopped:
            with self._changed:
                if self._has_news:
                    pauses = iter(_AGAIN_S)
                self._has_news = False
            succeeded = self._try(beat)
            self.has_tried.set()
            delay_s = next_beat_in(
                failures=min(self._failures, 1) if self._is_busy_node else self._failures,
                heartbeat_timeout_s=heartbeat_timeout_s,
                uniform=self._uniform,
            )
            again_s = next(pauses, delay_s) if succeeded else delay_s
            self._rest(delay_s, min(again_s, delay_s))

    def _rest(self, delay_s: float, again_s: float) -> None:
        """Wait for news, for ``again_s`` if nobody asks, else for the whole ``delay_s``."""
        with self._changed:
            is_woken = self._changed.wait_for(
                lambda: self._has_news or self._stopped or self._is_asked, again_s
            )
            if is_woken:
                self._changed.wait_for(lambda: self._has_news or self._stopped, delay_s)

    def _try(self, beat: Callable[[], None]) -> bool:
        try:
            beat()
        except (ControllerRefused, ControllerUnreachable) as error:
            self._failures += 1
            answered = error.answered if isinstance(error, ControllerRefused) else None
            self._is_busy_node = answered == HTTPStatus.CONFLICT
            self._board.not_heard(str(error))
            if self._failures % _QUIET_FAILURES == 1:
                data = {"failures": self._failures, "why": str(error)}
                log.warning("heartbeat failed; trying again", extra=data)
            return False
        if self._failures:
            log.info("heartbeat accepted again", extra={"failures": self._failures})
        self._failures = 0
        self._board.heard()
        return True


def next_beat_in(*, failures: int, heartbeat_timeout_s: float, uniform: Uniform) -> float:
    """Return the seconds until the next heartbeat; Ironic's agent has the same first factors.

    Args:
        failures: How many in a row have failed; with each the pause doubles: a thousand agents that a busy controller has refused
            must not keep it busy by asking again.
        heartbeat_timeout_s: The controller's.
        uniform: Draws a number.
    """
    if not failures:
        return heartbeat_timeout_s * uniform(0.3, 0.6)
    doubled_s = _RETRY_S * float(1 << min(failures - 1, _MOST_DOUBLED))
    return min(doubled_s, max(_RETRY_S, _RETRY_SHARE * heartbeat_timeout_s)) * uniform(1, 2)
