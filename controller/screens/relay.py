"""One thread for all browsers at screens: nobody waits for anybody, and every session has bounds in bytes and in time."""

import contextlib
import logging
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from agent.protocol.http_server.wake import Wake
from controller.screens.session import FAULT, GOING_AWAY, WRONG, Phase, Session

log = logging.getLogger(__name__)

_LOOK_S = 0.5
_QUIET_S = 20.0
"""A browser of which nothing is heard is pinged, and cut off when it has not answered thrice."""
_GONE_S = 3 * _QUIET_S
_STUCK_S = 60.0
"""Who takes nothing of what waits for it for so long is cut off: a browser, or a screen's server."""
_LONGEST_S = 12 * 3600.0

Judge = Callable[[Session], str]
"""Says why a session must end; empty = it need not."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """What became of the opening of a session's screen."""

    session: Session
    server: socket.socket | None
    screen_ends_at: float | None = None
    reason: str = ""


class Relay:
    """All sessions."""

    def __init__(self, on_end: Callable[[Session], None], idle_s: float) -> None:
        """Prepare; nothing runs yet.

        Args:
            on_end: Gets each session whose screen was opened, once it is over; returns at once.
            idle_s: A session in which nothing moves for so long is ended; 0: none is.
        """
        self._on_end, self._idle_s = on_end, idle_s
        self._lock = threading.Lock()
        self._sessions: dict[Session, None] = {}
        self._news: deque[Session | _Opened | Judge] = deque()
        self._wake: Wake | None = None
        self._thread: threading.Thread | None = None
        self._is_stopping = False
        self._selector = selectors.DefaultSelector()
        self._pinged_at: dict[Session, float] = {}

    def keep_alive(self) -> None:
        """Start the thread, if it does not run."""
        if self._is_stopping or (self._thread and self._thread.is_alive()):
            return
        if self._thread:
            log.error("the screens' thread had died; it is started again")
        if self._wake is None:
            self._wake = Wake(self._selector)
        self._thread = threading.Thread(target=self._run, name="screens", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End all sessions."""
        self._is_stopping = True
        self._tell(lambda _session: "the controller ends")
        if self._thread:
            self._thread.join(timeout_s)

    def add(self, session: Session, most: int, most_of_node: int) -> bool:
        """Take a session in; say whether there is room for it."""
        with self._lock:
            uuid = session.wish.node_uuid
            of_node = sum(one.wish.node_uuid == uuid for one in self._sessions)
            if self._is_stopping or len(self._sessions) >= most or of_node >= most_of_node:
                return False
            self._sessions[session] = None
        self._tell(session)
        return True

    def opened(self, session: Session, server: socket.socket, screen_ends_at: float | None) -> None:
        """Go on with a session whose screen is there; from any thread."""
        self._tell(_Opened(session, server, screen_ends_at))

    def failed(self, session: Session, reason: str) -> None:
        """End a session whose screen cannot be had; from any thread."""
        self._tell(_Opened(session, None, reason=reason))

    def judge(self, judge: Judge) -> None:
        """End those sessions that must end; from any thread."""
        self._tell(judge)

    @property
    def count(self) -> int:
        """How many sessions there are."""
        with self._lock:
            return len(self._sessions)

    def _tell(self, news: Session | _Opened | Judge) -> None:
        self._news.append(news)
        if self._wake is not None:
            self._wake()

    def _run(self) -> None:
        looked_at = 0.0
        while not self._is_stopping or self._sessions or self._news:
            try:
                for key, events in self._selector.select(_LOOK_S):
                    if key.data is not None:
                        session, is_server = key.data
                        self._hear(session, events, is_server=is_server)
                if self._wake is not None:
                    self._wake.clear()
                while self._news:
                    self._follow(self._news.popleft())
                if time.monotonic() - looked_at >= _LOOK_S:
                    looked_at = time.monotonic()
                    for session in list(self._sessions):
                        self._look_after(session, looked_at)
            except Exception:  # a fault with one session must not end all the others
                log.exception("the screens met a fault")
                time.sleep(_LOOK_S)

    def _follow(self, news: Session | _Opened | Judge) -> None:
        if isinstance(news, Session):
            self._work(news)
        elif isinstance(news, _Opened):
            self._take_opened(news)
        else:
            for session in list(self._sessions):
                if reason := news(session):
                    session.close(WRONG, reason)
                    self._work(session)

    def _take_opened(self, opened: _Opened) -> None:
        session, server = opened.session, opened.server
        is_wanted = session in self._sessions and session.phase is Phase.OPENING
        if server is None:
            if is_wanted:
                session.close(FAULT, opened.reason)
                self._work(session)
        elif is_wanted:
            session.show(server, opened.screen_ends_at)
            self._work(session)
        else:
            server.close()
            self._on_end(session)

    def _hear(self, session: Session, events: int, *, is_server: bool) -> None:
        if session not in self._sessions:
            return
        try:
            if events & selectors.EVENT_READ and not is_server:
                session.hear_browser()
            elif events & selectors.EVENT_READ and session.reads_server:
                # no longer, where the browser was heard by the same look and that has ended the session
                session.hear_server()
        except OSError as error:
            session.reason = session.reason or str(error)
            session.phase = Phase.ENDED
        except Exception:
            log.exception("a session at the screen of node %s met a fault", session.wish.node_uuid)
            session.phase = Phase.ENDED
        self._work(session)

    def _work(self, session: Session) -> None:
        """Send what can be sent, and wait for what is wanted."""
        if session not in self._sessions:
            return
        try:
            if session.phase is not Phase.ENDED:
                session.push()
        except OSError as error:
            session.reason = session.reason or str(error)
            session.phase = Phase.ENDED
        if session.phase is Phase.ENDED:
            self._end(session)
            return
        writes = selectors.EVENT_WRITE if session.browser.pending_bytes else 0
        reads = selectors.EVENT_READ if session.reads_browser else 0
        self._watch(session, writes | reads, is_server=False)
        if session.server is not None:
            writes = selectors.EVENT_WRITE if session.to_server else 0
            reads = selectors.EVENT_READ if session.reads_server else 0
            self._watch(session, writes | reads, is_server=True)

    def _watch(self, session: Session, events: int, *, is_server: bool) -> None:
        """Have the selector say when one side can go on."""
        side = session.server if is_server else session.browser
        if side is None or side.fileno() < 0:
            return
        known = self._selector.get_map().get(side.fileno())
        if known is None:
            if events:
                self._selector.register(side, events, (session, is_server))
        elif not events:
            self._selector.unregister(side)
        elif known.events != events:
            self._selector.modify(side, events, (session, is_server))

    def _look_after(self, session: Session, now: float) -> None:
        """Keep the times."""
        reason = _overdue(session, now, self._idle_s)
        if session.phase is Phase.CLOSING:
            if now >= session.closes_at:
                self._end(session)
            return
        if reason:
            session.close(GOING_AWAY, reason)
        elif now - max(session.heard_at, self._pinged_at.get(session, 0.0)) >= _QUIET_S:
            self._pinged_at[session] = now
            session.ping()
        is_gone = now - session.heard_at >= _GONE_S
        if is_gone or (session.browser.pending_bytes and now - session.read_at >= _STUCK_S):
            session.reason = session.reason or "the browser is gone, or takes nothing"
            self._end(session)
            return
        self._work(session)

    def _end(self, session: Session) -> None:
        with self._lock:
            self._sessions.pop(session, None)
        self._pinged_at.pop(session, None)
        was_opened = session.server is not None
        for side in (session.server, session.browser):
            if side is not None:
                with contextlib.suppress(KeyError, ValueError, OSError):
                    self._selector.unregister(side)
        session.drop()
        log.info(
            "%s is no more at the screen of node %s: %s",
            session.token.grant.user,
            session.wish.node_uuid,
            session.reason or "the browser left",
        )
        if was_opened:
            self._on_end(session)


def _overdue(session: Session, now: float, idle_s: float) -> str:
    """Say why a session has an end now; empty = it has none yet."""
    if now >= session.token.ends_at:
        return "the right to see it has ended; open it anew (baremetal node console show)"
    if session.screen_ends_at is not None and now >= session.screen_ends_at:
        return "the screen's time is over; connect again"
    if now - session.begun_at >= _LONGEST_S:
        return "this was open for too long; connect again"
    if session.to_server and now - session.taken_at >= _STUCK_S:
        return "the screen's server takes nothing"
    if session.phase is Phase.SHOWING and idle_s and now - session.moved_at >= idle_s:
        return f"nothing has moved for {idle_s:.0f} s"
    return ""
