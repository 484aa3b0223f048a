"""The agent's last word before a kexec: said until it was taken, and no start if it certainly was not."""

import pytest

from agent.errors import ControllerRefused, ControllerUnreachable, KexecNotPossible
from agent.lifecycle.handover import LastWord

NOBODY = ControllerUnreachable("connection refused", may_have_arrived=False)
NO_ANSWER = ControllerUnreachable("no answer in 30 s")


def word(*ends: Exception | None) -> tuple[LastWord, list[float]]:
    """Return a last word whose sendings end so, the last one for ever; and the pauses between them."""
    left, pauses = list(ends), [0.0]

    def send() -> None:
        end = left.pop(0) if len(left) > 1 else left[0]
        if end is not None:
            raise end

    def wait(seconds: float) -> bool:
        pauses.append(seconds)
        return False

    return LastWord(wait=wait, send=send, monotonic=lambda: sum(pauses)), pauses


def test_it_is_said_until_it_was_taken() -> None:
    last, pauses = word(NOBODY, NO_ANSWER, ControllerRefused("locked", answered=409), None)
    last.say(30)
    assert len(pauses) == 4


def test_nobody_who_heard_it_means_no_start() -> None:
    last, pauses = word(NOBODY)
    with pytest.raises(KexecNotPossible, match="told of our end in 5 s: connection refused"):
        last.say(5)
    assert sum(pauses) == 5


def test_an_answer_that_was_lost_may_have_been_a_yes_so_the_start_goes_on() -> None:
    last, pauses = word(NO_ANSWER, NOBODY)
    last.say(5)
    assert sum(pauses) == 5


def test_a_no_is_a_no_at_once() -> None:
    last, pauses = word(ControllerRefused("wrong token", answered=400))
    with pytest.raises(KexecNotPossible, match="wrong token"):
        last.say(5)
    assert sum(pauses) == 0


def test_an_agent_that_is_told_to_end_waits_no_longer() -> None:
    last, pauses = word(NOBODY)
    with pytest.raises(KexecNotPossible):
        LastWord(wait=lambda _seconds: True, send=last.send).say(600)
    assert sum(pauses) == 0
