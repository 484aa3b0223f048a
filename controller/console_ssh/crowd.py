"""Who may be connected by SSH, and who may have a session: shares of one address and of one user; pure.

A connection without a session is soon over (``server.py`` has the times). The bounds hold until then; no one of them is
met by more than a quarter of what there is.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

_SHARE = 4
_LEAST_WITHOUT = 16


class Phase(Enum):
    """How far a connection is."""

    ARRIVED = auto()
    """It has no session yet; whether it has logged in does not matter."""
    IN_SESSION = auto()
    LEAVING = auto()
    """Its session is over; the client hangs up, or we do."""


@dataclass(eq=False, slots=True, kw_only=True)
class Guest:
    """A connection, as far as it is counted."""

    party: str | None
    """In whose name its address counts (``http_server/bounds.py``); ``None`` on this machine: all users there are one address."""
    user: str | None = None
    """Of the API; ``None`` = an operator with a key, or nobody was asked."""
    is_operator: bool = False
    """The key is the operator's: such have no share, for programs hold all consoles with one."""
    phase: Phase = Phase.ARRIVED
    go: Callable[[str], None] = field(default=lambda _: None)
    """Ends the connection; is told why."""


class Crowd:
    """All connections of the port; one thread calls."""

    def __init__(self, sessions: int) -> None:
        """Begin empty; ``sessions`` may be open at a time."""
        self._sessions = sessions
        self._most_without = max(_LEAST_WITHOUT, sessions)
        self._guests: dict[Guest, None] = {}
        self._refused: set[Guest] = set()

    def why_not_in(self, guest: Guest) -> str | None:
        """Say why a new connection cannot be; ``None`` = it is one of the crowd now."""
        without = [one for one in self._guests if one.phase is not Phase.IN_SESSION]
        share = self._most_without // _SHARE
        mine = sum(one.party == guest.party for one in without)
        if guest.party is not None and mine >= share:
            return f"{share} connections of your address have no session yet; try again in a moment"
        self._guests[guest] = None
        return None

    def may_hear_why(self, guest: Guest) -> bool:
        """Say whether one that cannot be may stay until it can hear that: a client listens only once it has said who it is."""
        if len(self._refused) >= self._most_without:
            return False
        self._refused.add(guest)
        return True

    def gives_way(self) -> Guest | None:
        """Return who has to go, so that others can come: of the address with most that have no session, who waits longest."""
        without = [one for one in self._guests if one.phase is not Phase.IN_SESSION]
        if len(without) <= self._most_without:
            return None
        crowded, _ = Counter(one.party for one in without).most_common(1)[0]
        return next(one for one in without if one.party == crowded)

    def why_no_session(self, guest: Guest) -> str | None:
        """Say why a connection cannot have a session; ``None`` = it has one now."""
        inside = [one for one in self._guests if one.phase is Phase.IN_SESSION]
        if len(inside) >= self._sessions:
            return f"{self._sessions} sessions are open already (console_ssh_sessions)"
        share = max(1, self._sessions // _SHARE)
        others = [one for one in inside if not one.is_operator]
        if not guest.is_operator:
            if guest.user and sum(one.user == guest.user for one in others) >= share:
                return f"{share} sessions of {guest.user} are open already, a quarter of console_ssh_sessions; end one of them"
            if guest.party and sum(one.party == guest.party for one in others) >= share:
                return f"{share} sessions from your address are open already, a quarter of console_ssh_sessions; end one of them"
        guest.phase = Phase.IN_SESSION
        return None

    def leave(self, guest: Guest) -> None:
        """Forget a connection."""
        self._guests.pop(guest, None)
        self._refused.discard(guest)

    def clear(self) -> list[Guest]:
        """Forget and return all."""
        guests = [*self._guests, *self._refused]
        self._guests, self._refused = {}, set()
        return guests
