"""Whoever wakes a selector's thread while it closes writes into no other file and sees no error."""

import os
import selectors
import threading

import pytest

from agent.protocol.http_server.wake import Wake


def test_a_call_wakes_and_clear_waits_again() -> None:
    with selectors.DefaultSelector() as selector:
        wake = Wake(selector)
        wake()
        wake()
        assert selector.select(0)
        wake.clear()
        wake.clear()
        assert not selector.select(0)
        wake.close()
        wake.close()


def test_nothing_is_written_to_a_descriptor_that_is_closed_between_look_and_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with selectors.DefaultSelector() as selector:
        wake = Wake(selector)
        write = os.eventfd_write
        closer = threading.Thread(target=wake.close)

        def late(descriptor: int, value: int) -> None:
            closer.start()
            closer.join(0.2)
            write(descriptor, value)  # OSError if it is closed by now

        monkeypatch.setattr(os, "eventfd_write", late)
        wake()
        closer.join(10)
        monkeypatch.undo()
        assert not closer.is_alive()
        wake()  # closed: nothing happens
