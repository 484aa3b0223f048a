"""Logins that IPMI BMCs have refused, and when each may be tried again: many BMCs lock a user out who is wrong a few times."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from controller.bmc.ipmi_target import IpmiTarget
from controller.bmc.kept import Kept, digest_of
from controller.bmc.login_hold import LoginHold
from controller.errors import BmcAuthenticationFailed


class RefusedLogins:
    """The waiting of logins, by all that ``driver_info`` says of a BMC: what is corrected there is tried at once. For any number of threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Hold nothing back yet; ``clock`` gives seconds."""
        self._clock = clock
        self._holds: Kept[str, LoginHold] = Kept()

    def check(self, target: IpmiTarget, what: str) -> None:
        """Raise if this login may not be tried now; to be called when it is next, not before a wait.

        Raises:
            BmcAuthenticationFailed: It was refused a moment ago.
        """
        if left_s := self.left_s(target):
            raise BmcAuthenticationFailed(
                f"BMC {target.where}: {what}: login of user {target.username!r} was refused; check ipmi_username, ipmi_password and "
                f"ipmi_priv_level in driver_info{waits(left_s)}"
            )

    def left_s(self, target: IpmiTarget) -> float:
        """Return for how many seconds more this login is not tried; 0 = it may be."""
        hold = self._holds.get(digest_of(target))
        return 0.0 if hold is None else hold.left_s

    def refused(self, target: IpmiTarget) -> float:
        """Note a login that was refused; return for how many seconds it is not tried."""
        hold = self._holds.get_or_make(digest_of(target), lambda: LoginHold(self._clock))
        hold.refused()
        return hold.left_s

    def accepted(self, target: IpmiTarget) -> None:
        """Note a login that is good."""
        self._holds.pop(digest_of(target))


@dataclass(frozen=True, slots=True)
class HeldLogin:
    """One of them, as a console of the same BMC sees it (:class:`controller.hardware.console.HoldsLogins`)."""

    logins: RefusedLogins
    target: IpmiTarget

    @property
    def left_s(self) -> float:
        """For how many seconds more it is not tried; 0 = it may be."""
        return self.logins.left_s(self.target)

    def refused(self) -> None:
        """Note that it was refused."""
        self.logins.refused(self.target)

    def accepted(self) -> None:
        """Note that it is good."""
        self.logins.accepted(self.target)


@cache
def shared_logins() -> RefusedLogins:
    """Return those of this process: power, management and consoles log in to the same BMCs, which count for all of them."""
    return RefusedLogins()


def waits(left_s: float) -> str:
    """Return the end of a sentence that says when a refused login is tried again."""
    return f"; lest the BMC lock the user out, these are tried again in {math.ceil(left_s)} s, others at once"
