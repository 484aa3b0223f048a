"""One call to a Redfish BMC: logged in, within its time, and every failure in words that name the BMC and what to do."""

import math
import time
from collections.abc import Callable
from typing import TypeVar

import requests
import sushy
from sushy import exceptions
from sushy.resources.system.system import System

from agent.protocol.foreign_text import clean_line
from controller.bmc.redfish_errors import wants_new_password
from controller.bmc.redfish_sessions import Conversation, Refusal, Sessions
from controller.bmc.redfish_target import RedfishTarget
from controller.bmc.trust import certificate_advice
from controller.errors import BmcAuthenticationFailed, BmcError, BmcUnreachable, Invalid
from controller.peers.http import PeerFailed, PeerSilent

Found = TypeVar("Found")

_MOST_WORDS = 300
_BAD_REQUEST = 400
_FORBIDDEN = 403
_TOO_BUSY = 503
_NONSENSE = (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)
"""What sushy lets through when a BMC answers JSON of another form than Redfish's."""
_DURING_POST = "UnableToModifyDuringSystemPOST"
"""What HPE's iLO answers while the firmware starts (Ironic, ironic/drivers/modules/redfish/management.py); a little later it takes the order."""
_KEPT_SHARE, _MOST_KEPT_S = 0.1, 3.0
"""So much of a call's time is kept for the log-out that a failure may need."""


class RedfishCalls:
    """The way to one system of one BMC; the abilities of a connection are functions that it is given."""

    def __init__(self, target: RedfishTarget, sessions: Sessions) -> None:
        """Ask nobody yet."""
        self.target = target
        self._sessions = sessions

    def refusal(self, what: str, why: str) -> BmcError:
        """Return the error of a call that is not even made, or whose answer does not do."""
        return BmcError(f"{self._where(what)}: {why}")

    def ask(self, what: str, timeout_s: float, do: Callable[[System], Found]) -> Found:
        """Do something with the system as it is now; the service's root is ``system.root``.

        Args:
            what: Names the call in errors (``power on``).
            timeout_s: Everything ends by then, the wait for other calls to the BMC included.
            do: Is given the system, freshly read; every request that it makes ends in time.

        Raises:
            BmcUnreachable: No answer in time, or one that will be another soon.
            BmcAuthenticationFailed: The BMC refuses the user.
            BmcError: It refuses the call, or its answer is nonsense.
            Invalid: ``driver_info`` names a certificate that cannot be read.
        """
        over_at = time.monotonic() + timeout_s
        ends_at = over_at - min(_KEPT_SHARE * timeout_s, _MOST_KEPT_S)
        where = self._where(what)
        with self._sessions.conversation(self.target, ends_at, what) as conversation:
            try:
                return self._call(where, conversation, ends_at, do)
            except exceptions.AccessError as error:
                if not _is_only_this(error, conversation):
                    conversation.forget(over_at)
                raise self._refused(where, self._why(error), conversation) from error
            except exceptions.ResourceNotFoundError as error:
                conversation.lose_system()  # after a restart of the BMC things may have other names
                raise BmcUnreachable(f"{where}: {self._words(error)}; try again") from error
            except exceptions.SushyError as error:
                raise self._failed(where, error) from error
            except PeerSilent as error:
                advice = certificate_advice(error, "redfish_verify_ca", "redfish_address")
                raise BmcUnreachable(f"{where}: {error}{advice}") from error
            except PeerFailed as error:
                raise BmcError(f"{where}: {error}") from error
            except requests.RequestException as error:
                raise BmcUnreachable(f"{where}: the request could not be made") from error
            except OSError as error:
                raise Invalid(
                    "driver_info/redfish_verify_ca: there is no certificate that can be read at the path; look at the file"
                ) from error
            except _NONSENSE as error:
                conversation.forget(over_at)
                raise BmcError(
                    f"{where}: its answer is not what Redfish has there ({type(error).__name__}); update the BMC's firmware"
                ) from error

    def _where(self, what: str) -> str:
        return f"BMC {self.target.url}: {what}"

    def _call(
        self,
        where: str,
        conversation: Conversation,
        ends_at: float,
        do: Callable[[System], Found],
    ) -> Found:
        """Do it, logged in; a login that was refused lately is not tried again yet.

        Only what shows the password counts as a login: what is refused in a session that the BMC has opened says nothing against that.
        """
        if conversation.hold.left_s and conversation.refusal:
            raise self._refused(where, conversation.refusal, conversation)
        is_let_in = False
        try:
            with conversation.root(ends_at) as root:
                system = self._read_system(where, root, conversation)
                is_let_in = True
                conversation.let_in()
                return do(system)
        except exceptions.AccessError as error:
            if not is_let_in and (wants_new_password(error) or not conversation.has_session):
                conversation.not_let_in(self._why(error))
            raise

    def _read_system(self, where: str, root: sushy.Sushy, conversation: Conversation) -> System:
        """Read the system; one that the user may not read holds nobody up at the others of the BMC."""
        try:
            return _system(root, conversation, self.target)
        except exceptions.AccessError as error:
            has_listed = self.target.system is not None or conversation.only_system is not None
            if not _is_forbidden(error) or not conversation.knows_user(root, may_list=has_listed):
                raise
            conversation.let_in()
            raise BmcError(f"{where}: {self._not_shown(error)}") from error

    def _refused(self, where: str, refusal: Refusal, conversation: Conversation) -> BmcError:
        left_s = conversation.hold.left_s
        waits = (
            f"; lest the BMC lock the user out, this login is tried again in {math.ceil(left_s)} s, another at once"
            if left_s
            else ""
        )
        return refusal.kind(f"{where}: {refusal.sentence}{waits}")

    def _why(self, error: exceptions.AccessError) -> Refusal:
        """Say why the BMC does not do it for the user, in its own words too."""
        user, said = repr(self.target.username), self._words(error)
        if wants_new_password(error):
            return Refusal(
                kind=BmcAuthenticationFailed,
                sentence=f"the BMC does nothing for the user {user} before the password is changed (it {said});"
                " change it there, then give the new one as redfish_password",
            )
        if error.status_code == _FORBIDDEN:
            return Refusal(
                kind=BmcError,
                sentence=f"the user {user} may not do that; give it the role Operator or Administrator (the BMC {said})",
            )
        basic = (
            "; if it has no sessions, set redfish_auth_type to basic"
            if error.status_code == _BAD_REQUEST
            else ""
        )
        return Refusal(
            kind=BmcAuthenticationFailed,
            sentence=f"user {user} refused; check redfish_username and redfish_password (the BMC {said}){basic}",
        )

    def _not_shown(self, error: exceptions.AccessError) -> str:
        """Say that a user who is let in may not read this system."""
        user, system = repr(self.target.username), self.target.system or "the list of its systems"
        return (
            f"the user {user} is let in, but may not read {system}; have the BMC show it to the user,"
            f" or set redfish_system_id to a system that it shows (the BMC {self._words(error)})"
        )

    def _failed(self, where: str, error: exceptions.SushyError) -> BmcError:
        said = self._words(error)
        is_busy = isinstance(error, exceptions.ServerSideError) and error.status_code == _TOO_BUSY
        if is_busy or _DURING_POST in str(error):
            return BmcUnreachable(f"{where}: {said}; try again")
        if isinstance(error, exceptions.ConnectionError):
            return BmcUnreachable(f"{where}: {said}")
        return BmcError(f"{where}: {said}")

    def _words(self, error: exceptions.SushyError) -> str:
        """Return the BMC's words without the password, which some repeat."""
        return words(error, hide=self.target.password)


def _system(root: sushy.Sushy, conversation: Conversation, target: RedfishTarget) -> System:
    """Return the system, freshly read."""
    if target.system is not None:
        return root.get_system(target.system)
    if conversation.only_system is None:
        paths = root.get_system_collection().members_identities
        if len(paths) != 1:
            listed = clean_line(", ".join(paths), _MOST_WORDS)
            raise exceptions.UnknownDefaultError(
                entity="ComputerSystem",
                error=f"it has {len(paths)} systems ({listed}); set redfish_system_id to one of them",
            )
        conversation.only_system = paths[0]
    return root.get_system(conversation.only_system)


def _is_only_this(error: exceptions.AccessError, conversation: Conversation) -> bool:
    """Say whether a refusal is of what was asked alone: the login is good, and other machines of the BMC go on with it."""
    return _is_forbidden(error) and conversation.is_let_in


def _is_forbidden(error: exceptions.AccessError) -> bool:
    """Say whether it is something that the user may not do; who must change the password may do nothing."""
    return error.status_code == _FORBIDDEN and not wants_new_password(error)


def words(error: exceptions.SushyError, *, hide: str = "") -> str:
    """Return what the BMC said, in one bounded line; without ``hide``."""
    said = str(error)
    if isinstance(error, exceptions.HTTPError):
        said = f"answered {error.status_code}"
        said += f": {error.detail}" if error.detail else ""
    return clean_line(said.replace(hide, "***") if hide else said, _MOST_WORDS)
