"""Writers of one process take turns in the order in which they came."""

import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy.exc import TimeoutError as NoTurn

from controller.store.turns import Turns

_LONG_S = 30.0


def _wait_until(is_so: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + _LONG_S
    while not is_so():
        assert time.monotonic() < give_up_at
        time.sleep(0.001)


def _queue_up(turns: Turns, count: int, seen: list[int]) -> list[threading.Thread]:
    """Start threads that want a turn, each when the one before it waits."""

    def work(number: int) -> None:
        with turns.turn(timeout_s=_LONG_S):
            seen.append(number)

    threads = []
    for number in range(count):
        before = turns.waiting
        threads.append(threading.Thread(target=work, args=(number,)))
        threads[-1].start()
        _wait_until(lambda wanted=before + 1: turns.waiting == wanted)  # type: ignore[misc]
    return threads


def test_turns_are_given_in_the_order_in_which_they_were_asked_for() -> None:
    turns, seen = Turns("writing"), list[int]()
    with turns.turn(timeout_s=_LONG_S):
        threads = _queue_up(turns, 40, seen)
        assert seen == []
    for thread in threads:
        thread.join()
    assert seen == list(range(40))


def test_who_had_a_turn_goes_behind_those_who_wait() -> None:
    turns, seen = Turns("writing"), list[int]()
    with turns.turn(timeout_s=_LONG_S):
        threads = _queue_up(turns, 3, seen)
    with turns.turn(timeout_s=_LONG_S):
        seen.append(99)
    for thread in threads:
        thread.join()
    assert seen == [0, 1, 2, 99]


def test_who_gives_up_holds_nobody_up() -> None:
    turns = Turns("writing to a file")
    with turns.turn(timeout_s=_LONG_S):
        refused = pytest.raises(NoTurn, match=r"writing to a file: no turn within 0\.01 s")
        with refused, turns.turn(timeout_s=0.01):
            pytest.fail("it had a turn")
        assert turns.waiting == 0
    with turns.turn(timeout_s=0):
        pass


def test_an_error_in_a_turn_ends_it() -> None:
    turns = Turns("writing")
    with pytest.raises(ValueError, match="broken"), turns.turn(timeout_s=0):
        raise ValueError("broken")
    with turns.turn(timeout_s=0):
        pass


def test_a_turn_that_comes_while_its_thread_gives_up_is_handed_on() -> None:
    turns, seen = Turns("writing"), list[int]()
    stop = threading.Event()

    def impatient() -> None:
        while not stop.is_set():
            try:
                with turns.turn(timeout_s=0.0002):
                    pass
            except NoTurn:
                continue

    threads = [threading.Thread(target=impatient) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(300):
        with turns.turn(timeout_s=_LONG_S):
            seen.append(number)
            time.sleep(0.0002)
    stop.set()
    for thread in threads:
        thread.join()
    assert seen == list(range(300))
    with turns.turn(timeout_s=0):
        pass
