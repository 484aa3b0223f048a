"""One conversation per Redfish BMC, kept between calls: logging in takes a BMC longer than all else, and sessions are few.

A BMC of several machines has one for all of them: their calls come one after the other, and a login that it refuses is held for all.
"""

import contextlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache

import sushy
from sushy import auth, exceptions

from controller.bmc.login_hold import LoginHold
from controller.bmc.redfish_login import LOGINS, Session
from controller.bmc.redfish_target import RedfishTarget
from controller.bmc.redfish_wire import BoundedConnector, DeadlineAdapter
from controller.errors import BmcError, BmcUnreachable
from controller.peers.http import PeerFailed

log = logging.getLogger(__name__)

_MOST_KEPT = 10_000
_LOG_OUT_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a BMC does not let a user in, or do something."""

    kind: type[BmcError]
    sentence: str


class Conversation:
    """The way to one BMC; one call at a time."""

    def __init__(self, target: RedfishTarget, clock: Callable[[], float]) -> None:
        self.hold = LoginHold(clock)
        self.lock = threading.Lock()
        self._target = target
        self._adapter: DeadlineAdapter | None = None
        self._login: auth.AuthBase | None = None
        self._root: sushy.Sushy | None = None
        self._connector: BoundedConnector | None = None
        self.refusal: Refusal | None = None
        """Why it was not let in last; it is said again while the hold runs."""
        self.only_system: str | None = None
        """Where the only system was found; ``None`` = it was not looked for yet."""

    @contextmanager
    def root(self, ends_at: float) -> Iterator[sushy.Sushy]:
        """Give the service's root, logged in; every request in the block ends at ``ends_at``."""
        if self._adapter is None:
            self._adapter = DeadlineAdapter(self._target)
        self._adapter.ends_at = ends_at
        try:
            if self._root is None:
                self._root = self._log_in(self._adapter)
            yield self._root
        finally:
            self._adapter.ends_at = None

    @property
    def is_let_in(self) -> bool:
        """Whether the BMC has done something in the session that there is."""
        return self._connector is not None and self._connector.may_log_in_again

    @property
    def has_session(self) -> bool:
        """Whether the BMC has taken the login and opened a session for it; perhaps that has ended since."""
        return self._session is not None

    @property
    def _session(self) -> Session | None:
        login = self._login
        return login if isinstance(login, Session) and login.is_open else None

    def knows_user(self, root: sushy.Sushy, *, may_list: bool) -> bool:
        """Say whether the BMC lets the user in, though it forbids a thing; asks it for another one, which every user may read.

        Args:
            root: As from :meth:`root`, in its block.
            may_list: It was not the list of systems that it forbids. Where there is no session, each question shows the password.
        """
        if self.is_let_in:
            return True
        if session := self._session:
            return session.is_alive()
        if not may_list:
            return False
        try:
            root.get_system_collection()
        except exceptions.SushyError:
            return False
        return True

    def let_in(self) -> None:
        """Note that the login is good."""
        self.hold.accepted()
        self.refusal = None
        if self._connector is not None:
            self._connector.may_log_in_again = True

    def not_let_in(self, refusal: Refusal) -> None:
        """Note that it is not; it is tried again when the hold is over."""
        self.hold.refused()
        self.refusal = refusal

    def forget(self, over_at: float) -> None:
        """Log out before ``over_at``, and begin anew with the next call: the BMC refused the login, or is another one than it was."""
        self._log_out(over_at)
        self.lose_system()

    def lose_system(self) -> None:
        """Look for the system anew with the next call; the login stays, for a path that is wrong is no reason for another."""
        self.only_system = None

    def end(self) -> None:
        """Log out, if the BMC answers soon, and close the connections."""
        self._log_out(time.monotonic() + _LOG_OUT_S)
        adapter, self._adapter = self._adapter, None
        if adapter is not None:
            adapter.close()

    def _log_out(self, over_at: float) -> None:
        """End the session now: sushy would at any time, in any thread, when nobody waits for it."""
        login, self._login = self._login, None
        self._root = None
        if login is None or self._adapter is None:
            return
        self._adapter.ends_at = min(time.monotonic() + _LOG_OUT_S, over_at)
        with contextlib.suppress(PeerFailed, exceptions.SushyError, OSError, ValueError):
            login.close()
        self._adapter.ends_at = None

    def _log_in(self, adapter: DeadlineAdapter) -> sushy.Sushy:
        target = self._target
        self._login = LOGINS[target.auth](target.username, target.password)
        self._connector = connector = BoundedConnector(target, adapter)
        return sushy.Sushy(
            target.url,
            root_prefix=target.root,
            auth=self._login,
            connector=connector,
            public_connector=connector,  # no registry is fetched from elsewhere
        )


class Sessions:
    """The conversations with all BMCs; those unused for longest end when there are too many."""

    def __init__(
        self, most_kept: int = _MOST_KEPT, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Open nothing yet; ``clock`` (seconds) says when a login that was refused may be tried again."""
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[RedfishTarget, Conversation] = OrderedDict()
        self._most_kept = most_kept

    @contextmanager
    def conversation(
        self, target: RedfishTarget, ends_at: float, what: str
    ) -> Iterator[Conversation]:
        """Give the conversation with one BMC to this thread alone.

        Raises:
            BmcUnreachable: Other calls to it have taken all the time.
        """
        bmc = replace(target, system=None)
        with self._lock:
            found = self._kept.setdefault(bmc, Conversation(bmc, self._clock))
            self._kept.move_to_end(bmc)
            too_many = self._oldest() if len(self._kept) > self._most_kept else None
        if too_many is not None:
            too_many.end()
            too_many.lock.release()
        if not found.lock.acquire(timeout=max(ends_at - time.monotonic(), 0)):
            raise BmcUnreachable(
                f"BMC {target.url}: {what}: it is busy with other calls; try again"
            )
        try:
            yield found
        finally:
            found.lock.release()

    def close(self) -> None:
        """End every conversation that nobody uses."""
        with self._lock:
            kept, self._kept = self._kept, OrderedDict()
        for one in kept.values():
            if one.lock.acquire(blocking=False):
                one.end()
                one.lock.release()

    def _oldest(self) -> Conversation | None:
        """Take out the one unused for longest, locked; ``None`` = it is in use."""
        target, oldest = next(iter(self._kept.items()))
        if not oldest.lock.acquire(blocking=False):
            return None
        del self._kept[target]
        return oldest


@cache
def shared_sessions() -> Sessions:
    """Return the sessions of this process: the interfaces of all kinds talk to the same BMCs, and these have few sessions."""
    return Sessions()
