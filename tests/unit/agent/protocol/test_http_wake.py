"""Whoever wakes a selector's thread while it closes writes into no other file and sees no error."""

import os
import selectors
import threading
from collections import deque

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


def test_who_calls_while_it_is_awake_is_seen_after_clear_and_wakes_nobody() -> None:
    with selectors.DefaultSelector() as selector:
        wake = Wake(selector)
        wake.is_up()
        wake()
        assert not selector.select(0)
        wake.clear()
        wake()
        assert selector.select(0)
        wake.close()


def test_no_call_is_lost_whenever_it_comes() -> None:
    """Callers add to a row, then call; the thread looks at the row after ``clear``, and sleeps when it is empty."""
    row: deque[int] = deque()
    seen: set[int] = set()
    callers, each = 4, 3000
    with selectors.DefaultSelector() as selector:
        wake = Wake(selector)

        def call(number: int) -> None:
            for place in range(each):
                row.append(number * each + place)
                wake()

        threads = [threading.Thread(target=call, args=(number,)) for number in range(callers)]
        for thread in threads:
            thread.start()
        while len(seen) < callers * each:
            assert selector.select(60), "it sleeps, and something is in the row"
            wake.is_up()
            wake.clear()
            while row:
                seen.add(row.popleft())
        for thread in threads:
            thread.join(60)
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


def test_who_calls_while_the_thread_clears_does_not_silence_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with selectors.DefaultSelector() as selector:
        wake = Wake(selector)
        wake()
        assert selector.select(0)
        read = os.eventfd_read

        def called_meanwhile(descriptor: int) -> int:
            monkeypatch.setattr(os, "eventfd_read", read)
            wake()
            return read(descriptor)

        monkeypatch.setattr(os, "eventfd_read", called_meanwhile)
        wake.clear()
        wake()
        assert selector.select(0)
        wake.close()


def test_a_signal_that_comes_to_who_calls_may_close_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with selectors.DefaultSelector() as selector:
        wake = Wake(selector)
        write = os.eventfd_write

        def interrupted(descriptor: int, value: int) -> None:
            write(descriptor, value)
            wake.close()

        monkeypatch.setattr(os, "eventfd_write", interrupted)
        caller = threading.Thread(target=wake, daemon=True)
        caller.start()
        caller.join(10)
        assert not caller.is_alive()
