"""What the answer of a target means for the notification that it was sent. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from controller.peers.http import Answer

LONGEST_PAUSE_S = 300.0
_FIRST_PAUSE_S = 1.0
_MOST_DOUBLINGS = 9
_REFUSED = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
"""The target understood the call and does not want this one, whatever comes after it."""
_TRIES_OF_REFUSED = 5
_OK, _REDIRECT = 200, 300


class Verdict(StrEnum):
    """What becomes of it."""

    TAKEN = "taken"
    AGAIN = "again"
    GIVEN_UP = "given up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """How often a notification was sent, and how old it is."""

    tries: int
    """This one counts."""
    age_s: float


def verdict(answer: Answer | None, tried: Tried, give_up_s: float) -> Verdict:
    """Judge an answer; ``None`` = there was none."""
    if answer is not None and _OK <= answer.status < _REDIRECT:
        return Verdict.TAKEN
    is_refused = answer is not None and answer.status in _REFUSED
    if is_refused and tried.tries >= _TRIES_OF_REFUSED:
        return Verdict.GIVEN_UP
    return Verdict.GIVEN_UP if tried.age_s > give_up_s else Verdict.AGAIN


def pause_s(answer: Answer | None, tries: int) -> float:
    """Return how long to wait after so many tries; what the target says itself counts, within bounds."""
    usual_s = min(_FIRST_PAUSE_S * 2.0 ** min(tries - 1, _MOST_DOUBLINGS), LONGEST_PAUSE_S)
    said = "" if answer is None else answer.headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdigit():
        return min(max(usual_s, float(said[:6])), LONGEST_PAUSE_S)
    return usual_s
