"""The child that has a line, beside a BMC that says nothing."""

import os
import socket
import time
from collections.abc import Iterator, Sequence

import pytest

from controller.bmc.sol_stream import MOST_TYPED_BYTES
from controller.bmc.sol_worker import _Line


class _SilentSession:
    """A session of which nothing comes."""

    most_bytes = 100
    is_lost = False

    def __init__(self, descriptor: int) -> None:
        self.heard_at = time.monotonic()
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def receive(self) -> Sequence[bytes]:
        return ()

    def send(self, packet: bytes) -> None:
        """Lose it."""

    def ask_owner(self) -> None:
        """Ask nobody."""


@pytest.fixture
def session() -> Iterator[_SilentSession]:
    read, write = os.pipe()
    yield _SilentSession(read)
    os.close(read)
    os.close(write)


@pytest.mark.parametrize("typed_bytes", [0, MOST_TYPED_BYTES])
def test_a_controller_that_closes_the_line_is_noticed_with_a_full_queue_too(
    session: _SilentSession, typed_bytes: int
) -> None:
    controller, channel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    line = _Line(channel, session)  # type: ignore[arg-type]  # of which it is all that a line uses
    line._stream.type(b"x" * typed_bytes)
    controller.close()
    assert line.run() == ""
    channel.close()


def test_who_is_told_that_another_has_the_console_does_not_hold_it_for_his(
    session: _SilentSession,
) -> None:
    controller, channel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    line = _Line(channel, session)  # type: ignore[arg-type]
    line._stream.take(b"\0\0\0\x10", 0)
    assert "another client" in line.run()
    assert session.is_lost
    controller.close()
    channel.close()
