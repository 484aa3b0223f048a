"""One browser at one screen: what it says goes to the screen's server, what that says goes to it; neither is kept beyond a bound.

The server's bytes are not looked at after its handshake. Of a browser that may only watch, what it says is (``watch_only.py``).
"""

import contextlib
import enum
import json
import socket
import time
from collections.abc import Callable

from agent.protocol.http_server.upgrades import HandedOver
from controller.errors import ControllerError
from controller.hardware.screen import ScreenWish
from controller.screens.browser_handshake import BrowserHandshake
from controller.screens.tokens import Token
from controller.screens.watch_only import WatchOnly
from controller.screens.websocket import Said, WebSocket

GOING_AWAY, WRONG, FAULT, LATER = 1001, 1008, 1011, 1013
"""Codes of a WebSocket's end (RFC 6455, section 7.4.1, and IANA's list)."""
_PIECE_BYTES = 64 * 1024
_MOST_TO_BROWSER_BYTES = 256 * 1024
"""So much is kept for a browser; then nothing is read of the screen's server, which waits or draws less often."""
_MOST_TO_SERVER_BYTES = 64 * 1024
_MOST_ANSWERS_BYTES = 512 * 1024
"""A browser that pings without reading has an end here."""
_CLOSING_S = 2.0


class Phase(enum.Enum):
    """What a session is at."""

    OPENING = enum.auto()
    """The screen is being brought; the browser waits."""
    SHOWING = enum.auto()
    CLOSING = enum.auto()
    """The browser was told that it is over, and has a moment to read that."""
    ENDED = enum.auto()


class Session:
    """One session; one thread works with it."""

    def __init__(
        self,
        wish: ScreenWish,
        token: Token,
        browser: HandedOver,
        websocket: WebSocket,
        renew: Callable[[str], Token | None],
        *,
        is_watched_only: bool,
    ) -> None:
        """Begin; ``renew`` looks a token up."""
        self.wish, self.token, self.browser = wish, token, browser
        self.phase = Phase.OPENING
        self.server: socket.socket | None = None
        self.to_server = bytearray()
        self.begun_at = self.moved_at = self.read_at = self.taken_at = time.monotonic()
        """When it began; when anything moved; when the browser took something; when the server did."""
        self.heard_at = self.begun_at
        """When the browser said anything."""
        self.screen_ends_at: float | None = None
        self.closes_at = 0.0
        self.reason = ""
        self._websocket, self._renew = websocket, renew
        self._handshake = BrowserHandshake()
        self._is_deaf = False
        """What the browser says is thrown away."""
        may_type = token.grant.may_type and not is_watched_only
        self._watch = None if may_type else WatchOnly()
        self._tell()

    def show(self, server: socket.socket, screen_ends_at: float | None) -> None:
        """Go on with the screen's server: it has been logged in to."""
        self.server, self.screen_ends_at = server, screen_ends_at
        self.phase = Phase.SHOWING
        self.taken_at = time.monotonic()
        self._say_handshake()

    @property
    def reads_browser(self) -> bool:
        """Whether more of the browser is wanted."""
        is_ahead = self.browser.pending_bytes >= _MOST_TO_BROWSER_BYTES
        return not is_ahead and len(self.to_server) < _MOST_TO_SERVER_BYTES

    @property
    def reads_server(self) -> bool:
        """Whether more of the screen is wanted."""
        return self.phase is Phase.SHOWING and self.browser.pending_bytes < _MOST_TO_BROWSER_BYTES

    def hear_browser(self) -> None:
        """Read what the browser says. Raises ``OSError`` when it is gone."""
        data = self.browser.receive(_PIECE_BYTES)
        if data is None:
            return
        if not data:
            raise ConnectionResetError("the browser is gone")
        self.heard_at = time.monotonic()
        if self._is_deaf:
            return
        for said in self._websocket.feed(data):
            self._take(said)
        self._flush()
        if self.browser.pending_bytes > _MOST_ANSWERS_BYTES:
            raise ConnectionAbortedError("the browser does not read")
        if self._websocket.has_ended:
            self.phase = Phase.ENDED

    def hear_server(self) -> None:
        """Read what the screen's server says."""
        if self.server is None:
            return
        try:
            data = self.server.recv(_PIECE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close(FAULT, "the screen's server has ended the connection")
            return
        self.moved_at = time.monotonic()
        self._websocket.send(data)
        self._flush()

    def push(self) -> None:
        """Send what can be sent to both. Raises ``OSError`` when the browser is gone."""
        before = self.browser.pending_bytes
        self.browser.push()
        if not self.browser.pending_bytes or self.browser.pending_bytes < before:
            self.read_at = time.monotonic()
        if self.server is None or not self.to_server:
            self.taken_at = time.monotonic()
            return
        try:
            sent_bytes = self.server.send(self.to_server)
        except BlockingIOError:
            return
        except OSError:
            self.close(FAULT, "the screen's server has ended the connection")
            return
        del self.to_server[:sent_bytes]
        self.taken_at = self.moved_at = time.monotonic()

    def ping(self) -> None:
        """Ask the browser whether it is there."""
        if self.phase in (Phase.OPENING, Phase.SHOWING):
            self._websocket.ping()
            self._flush()

    def close(self, code: int, reason: str) -> None:
        """Tell the browser that this is the end, and why."""
        if self.phase in (Phase.CLOSING, Phase.ENDED):
            return
        self.phase, self.reason = Phase.CLOSING, reason
        self.closes_at = time.monotonic() + _CLOSING_S
        self.to_server.clear()
        self._websocket.tell(json.dumps({"reason": reason}))  # a close has room for 123 bytes
        self._websocket.close(code, reason)
        self._flush()

    def _take(self, said: Said) -> None:
        if said.is_end:
            self._is_deaf = not self._websocket.has_ended
            if self.phase is not Phase.CLOSING:
                self.reason = self.reason or "the browser left"
            self.phase = Phase.CLOSING
            self.closes_at = self.closes_at or time.monotonic() + _CLOSING_S
        elif said.text is not None:
            self._hear_word(said.text)
        elif said.data and self.phase is Phase.SHOWING:
            self.moved_at = time.monotonic()
            self._pass_on(said.data)
        elif said.data and self.phase is Phase.OPENING:
            self.close(WRONG, "the browser spoke before the screen did")

    def _pass_on(self, data: bytes) -> None:
        try:
            if not self._handshake.is_done:
                data = self._handshake.feed(data)
                self._say_handshake()
                if not self._handshake.is_done:
                    return
                begin, data = data[:1], data[1:]
                self.to_server += begin
            self.to_server += self._watch.feed(data) if self._watch else data
        except ControllerError as error:
            self.close(WRONG, str(error))

    def _say_handshake(self) -> None:
        output, self._handshake.output = bytes(self._handshake.output), bytearray()
        if output:
            self._websocket.send(output)
            self._flush()

    def _hear_word(self, text: str) -> None:
        """Take a new token, which the page asked the API for with what it logs in with there."""
        token = self._renew(text.removeprefix("token "))
        if token is None or token.grant.node_uuid != self.wish.node_uuid:
            return
        if token.grant.whose != self.token.grant.whose:
            return
        if self._watch is None and not token.grant.may_type:
            # what was typed may end in the middle of a message, and the rest of it would be taken for another one
            self.close(WRONG, "you may only watch now; connect again")
            return
        self.token = token
        self._tell()

    def _tell(self) -> None:
        """Tell the page what it may, and when it has to ask again."""
        left_s = max(0.0, self.token.ends_at - time.monotonic())
        self._websocket.tell(json.dumps({"may_type": self._watch is None, "ends_in_s": left_s}))
        self._flush()

    def _flush(self) -> None:
        output, self._websocket.output = bytes(self._websocket.output), bytearray()
        self.browser.add(output)

    def drop(self) -> None:
        """End everything at once."""
        self.phase = Phase.ENDED
        if self.server is not None:
            self.server.close()
        with contextlib.suppress(OSError):
            self.browser.end()
