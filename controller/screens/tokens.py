"""Words that let a browser see one node's screen for some minutes, without logging in again: browsers log in to no WebSocket.

They are in memory only, and of this process: who restarts it, or asks another controller, asks for a new one.
"""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

_MOST = 1024
"""Tokens in all; then the oldest goes."""
_FRESH_PART = 2
"""A token that has more than this part of its time left is given again to who had it: polling makes none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What somebody may."""

    node_uuid: str
    whose: str
    """Whom the node belonged to: with another owner or lessee it is worth nothing."""
    user: str
    may_type: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A grant, its word and its end."""

    word: str = field(repr=False)
    grant: Grant
    ends_at: float
    """By ``monotonic``."""


class Tokens:
    """Those that are good; for any thread."""

    def __init__(self, lifetime_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Begin without any."""
        self._lifetime_s, self._monotonic = lifetime_s, monotonic
        self._lock = threading.Lock()
        self._tokens: dict[str, Token] = {}
        """The oldest first."""

    def issue(self, grant: Grant) -> Token:
        """Return a token for a grant."""
        now = self._monotonic()
        with self._lock:
            self._forget_ended(now)
            for token in self._tokens.values():
                is_fresh = token.ends_at - now > self._lifetime_s / _FRESH_PART
                if is_fresh and token.grant == grant:
                    return token
            word = secrets.token_urlsafe(32)
            made = Token(word=word, grant=grant, ends_at=now + self._lifetime_s)
            self._tokens[word] = made
            if len(self._tokens) > _MOST:
                del self._tokens[next(iter(self._tokens))]
            return made

    def find(self, word: str) -> Token | None:
        """Return the token of a word, if it is good."""
        now = self._monotonic()
        with self._lock:
            token = self._tokens.get(word)
        return token if token is not None and token.ends_at > now else None

    def left_s(self, token: Token) -> float:
        """Return how long a token is still good; below 0 = it has ended."""
        return token.ends_at - self._monotonic()

    def revoke(self, node_uuid: str) -> None:
        """Forget those of a node: its console was switched off, or it is somebody else's."""
        with self._lock:
            for word in [w for w, t in self._tokens.items() if t.grant.node_uuid == node_uuid]:
                del self._tokens[word]

    def _forget_ended(self, now: float) -> None:
        for word in [word for word, token in self._tokens.items() if token.ends_at <= now]:
            del self._tokens[word]
