"""All screens of this controller: tokens, sessions, and the screens that were brought for them.

A thread relays for all sessions (``relay.py``); one more for each session opens its screen and ends then; providers are asked by threads of which there is one for each
screen that is there. ``console_screen_sessions`` bounds all of them.
"""

import logging
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from agent.protocol.http_server.upgrades import HandedOver
from controller.errors import BmcUnreachable, Conflict, ControllerError
from controller.hardware.screen import ProvidesScreens, ScreenWish
from controller.screens.brought import Brought, BroughtScreens
from controller.screens.connecting import open_screen
from controller.screens.relay import Relay
from controller.screens.session import LATER, Session
from controller.screens.tokens import Token, Tokens
from controller.screens.websocket import WebSocket
from controller.settings import Settings

log = logging.getLogger(__name__)

_MOST_OF_NODE = 8
_CONNECT_S = 15.0
"""For the connection to a screen's server and the handshake with it."""
_AGAIN_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedScreen:
    """A screen that may be seen."""

    wish: ScreenWish
    whose: str
    """Owner and lessee of the node."""


class Screens:
    """Those of one controller; for any thread."""

    def __init__(self, settings: Settings, providers: Mapping[str, ProvidesScreens]) -> None:
        """Prepare; nothing runs yet."""
        self._most = settings.console_screen_sessions
        self._is_read_only = settings.console_read_only
        self.tokens = Tokens(settings.console_token_s)
        self._brought = BroughtScreens(
            providers,
            settings.console_screen_provider,
            Path(settings.state_directory) / "screens",
            most=self._most,
            timeout_s=settings.console_screen_timeout_s,
        )
        self._lock = threading.Lock()
        self._held: dict[Session, Brought] = {}
        self._opening: set[Session] = set()
        self._relay = Relay(self._on_end, settings.console_terminal_timeout_s)
        self._has_looked = False

    def check(self, wish: ScreenWish) -> None:
        """Refuse (``Invalid``) a screen that nothing here can bring; asks nobody."""
        self._brought.provider_of(wish).validate(wish)

    def require_room(self) -> None:
        """Refuse one session more where there are as many as may be.

        Raises:
            Conflict: Says which setting has the number.
        """
        if self._relay.count >= self._most:
            raise Conflict(
                f"{self._most} sessions at screens are open in this controller (console_screen_sessions); try again later"
            )

    def begin(
        self, wish: ScreenWish, token: Token, websocket: WebSocket, browser: HandedOver
    ) -> None:
        """Begin a session with a browser; returns at once."""
        session = Session(
            wish, token, browser, websocket, self.tokens.find, is_watched_only=self._is_read_only
        )
        with self._lock:  # a browser that leaves at once leaves its thread behind for a while
            is_full = len(self._opening) >= self._most
            self._opening.update(() if is_full else (session,))
        if is_full or not self._relay.add(session, self._most, _MOST_OF_NODE):
            self._opening.discard(session)
            websocket.close(LATER, "too many sessions are open at this screen, or in all")
            browser.add(bytes(websocket.output))
            browser.push()
            browser.end()
            return
        log.info("%s is at the screen of node %s", token.grant.user, wish.node_uuid)
        threading.Thread(
            target=self._try_open, args=(session,), name="screen-open", daemon=True
        ).start()

    def want(self, wanted: Mapping[str, WantedScreen], read_at: float) -> None:
        """Take what the rows say: sessions that they do not allow end, tokens too.

        Args:
            wanted: By node.
            read_at: When the reading began, by ``time.monotonic``; what began later is not judged.
        """
        self._relay.judge(partial(_verdict, wanted, read_at))
        self._brought.end_all_but({uuid: one.wish for uuid, one in wanted.items()}, read_at)
        if not self._has_looked:
            self._has_looked = True
            threading.Thread(
                target=self._brought.release_left, name="screens-left", daemon=True
            ).start()

    def keep_alive(self) -> None:
        """Start what does not run, and let go of what nobody looks at; to be called every second or so."""
        self._relay.keep_alive()
        self._brought.tidy()

    def stop(self) -> None:
        """End all sessions, and let go of all screens."""
        self._relay.stop()
        self._brought.release_all()

    def _try_open(self, session: Session) -> None:
        try:
            self._open(session)
        finally:
            with self._lock:
                self._opening.discard(session)

    def _open(self, session: Session) -> None:
        try:
            brought = self._brought.hold(session.wish)
        except ControllerError as error:
            self._fail(session, str(error))
            return
        except Exception as error:  # a plug-in's
            log.exception("the screen of node %s cannot be brought", session.wish.node_uuid)
            self._fail(session, f"its provider failed ({type(error).__name__})")
            return
        with self._lock:
            self._held[session] = brought
        try:
            server = _open_fresh(brought)
        except Exception as error:
            if not isinstance(error, ControllerError):
                log.exception("the screen of node %s cannot be opened", session.wish.node_uuid)
            self._on_end(session)
            self._fail(session, str(error))
            return
        self._relay.opened(session, server, brought.ends_at)

    def _fail(self, session: Session, reason: str) -> None:
        log.warning("the screen of node %s cannot be shown: %s", session.wish.node_uuid, reason)
        self._relay.failed(session, reason)

    def _on_end(self, session: Session) -> None:
        with self._lock:
            brought = self._held.pop(session, None)
        if brought is not None:
            self._brought.let_go(brought)


def _open_fresh(brought: Brought) -> socket.socket:
    """Open a screen; one that was brought just now need not answer at once. Raises ``ControllerError``."""
    while True:
        try:
            return open_screen(brought.there, timeout_s=_CONNECT_S)
        except BmcUnreachable:
            is_fresh = time.monotonic() - brought.brought_at < _CONNECT_S
            if not brought.there.is_trusted or not is_fresh:
                raise
            time.sleep(_AGAIN_S)


def _verdict(wanted: Mapping[str, WantedScreen], read_at: float, session: Session) -> str:
    """Say why a session must end, after what the rows say now."""
    if session.begun_at >= read_at:
        return ""
    one = wanted.get(session.wish.node_uuid)
    if one is None:
        return "the console was switched off, or is another controller's"
    if one.whose != session.token.grant.whose:
        return "the node has another owner or lessee now"
    if one.wish != session.wish:
        return "the node was changed; connect again"
    return ""
