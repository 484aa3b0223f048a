"""The thread that relays screens, with both sides of a session ready at once."""

import logging
import socket
from collections.abc import Iterator

import pytest

from agent.protocol.http_server.upgrades import HandedOver
from controller.hardware.screen import ScreenWish
from controller.screens.relay import Relay
from controller.screens.session import Session
from controller.screens.tokens import Grant, Tokens
from controller.screens.websocket import WebSocket
from tests.integration.waiting import wait_until

pytestmark = pytest.mark.timeout(60)
_KEY = "dGhlIHNhbXBsZSBub25jZQ=="
_HEADERS = [
    ("Host", "h"),
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", _KEY),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Protocol", "binary"),
]
_NO_RFB = b"\x82\x84\0\0\0\0nope"
"""A binary message, masked by zeros."""


class OfSocket(HandedOver):
    """A browser's connection without the HTTP server that it came by."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(None, lambda _conn: None)
        self._sock, self._output = sock, bytearray()
        sock.setblocking(False)

    def fileno(self) -> int:
        return self._sock.fileno()

    @property
    def pending_bytes(self) -> int:
        return len(self._output)

    def receive(self, most_bytes: int) -> bytes | None:
        try:
            return self._sock.recv(most_bytes)
        except BlockingIOError:
            return None

    def add(self, data: bytes) -> None:
        self._output += data

    def push(self) -> bool:
        if self._output:
            del self._output[: self._sock.send(self._output)]
        return not self._output

    def end(self) -> None:
        self._sock.close()


@pytest.fixture
def pairs() -> Iterator[tuple[socket.socket, ...]]:
    """Return the browser's two ends, then the screen's server's."""
    made = (*socket.socketpair(), *socket.socketpair())
    yield made
    for one in made:
        one.close()


def test_a_picture_that_comes_with_the_browsers_last_word_is_no_fault(
    pairs: tuple[socket.socket, ...], caplog: pytest.LogCaptureFixture
) -> None:
    near, browser, server, screen = pairs
    websocket = WebSocket("/screens/x", _HEADERS)
    websocket.accept()
    grant = Grant(node_uuid="n", whose="", user="u", may_type=False)
    session = Session(
        ScreenWish(node_uuid="n", provider="p", application="a"),
        Tokens(100).issue(grant),
        OfSocket(near),
        websocket,
        lambda _word: None,
        is_watched_only=False,
    )
    server.setblocking(False)
    browser.sendall(_NO_RFB)
    screen.sendall(b"a picture")
    relay = Relay(lambda _session: None, 0)
    assert relay.add(session, 1, 1)
    relay.opened(session, server, None)
    with caplog.at_level(logging.INFO):
        relay.keep_alive()  # the first look sees both
        browser.settimeout(10)
        told = bytearray()
        while piece := browser.recv(4096):
            told += piece
        relay.stop()
    wait_until(lambda: relay.count == 0, 10, "its end")
    assert "met a fault" not in caplog.text
    assert b"speaks no RFB 3.8" in told
