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
from controller.bmc.redfish_sessions import Conversation, Sessions
from controller.bmc.redfish_target import RedfishTarget
from controller.bmc.trust import certificate_advice
from controller.errors import BmcAuthenticationFailed, BmcError, BmcUnreachable, Invalid
from controller.peers.http import PeerFailed, PeerSilent

Found = TypeVar("Found")

_MOST_WORDS = 300
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
                conversation.forget(over_at)
                if error.status_code == _FORBIDDEN:
                    raise self._forbidden(where) from error
                raise self._bad_login(where, conversation.hold.left_s) from error
            except exceptions.ResourceNotFoundError as error:
                conversation.lose_system()  # after a restart of the BMC things may have other names
                raise BmcUnreachable(f"{where}: {words(error)}; try again") from error
            except exceptions.SushyError as error:
                raise _failed(where, error) from error
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
        """Do it, logged in; a login that was refused lately is not tried again yet."""
        if held_s := conversation.hold.left_s:
            raise self._bad_login(where, held_s)
        is_let_in = False
        try:
            with conversation.root(ends_at) as root:
                system = _system(root, conversation, self.target)
                is_let_in = True
                conversation.hold.accepted()
                return do(system)
        except exceptions.AccessError as error:
            if error.status_code != _FORBIDDEN and not is_let_in:
                conversation.hold.refused()
            raise

    def _forbidden(self, where: str) -> BmcError:
        return BmcError(
            f"{where}: the user {self.target.username!r} may not do that; give it the role Operator or Administrator"
        )

    def _bad_login(self, where: str, held_s: float) -> BmcAuthenticationFailed:
        waits = (
            f"; lest the BMC lock the user out, these are tried again in {math.ceil(held_s)} s, others at once"
            if held_s
            else ""
        )
        return BmcAuthenticationFailed(
            f"{where}: user {self.target.username!r} refused; check redfish_username and redfish_password{waits}"
        )


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


def _failed(where: str, error: exceptions.SushyError) -> BmcError:
    is_busy = isinstance(error, exceptions.ServerSideError) and error.status_code == _TOO_BUSY
    if is_busy or _DURING_POST in str(error):
        return BmcUnreachable(f"{where}: {words(error)}; try again")
    if isinstance(error, exceptions.ConnectionError):
        return BmcUnreachable(f"{where}: {words(error)}")
    return BmcError(f"{where}: {words(error)}")


def words(error: exceptions.SushyError) -> str:
    """Return what the BMC said, in one bounded line."""
    if isinstance(error, exceptions.HTTPError):
        said = f"answered {error.status_code}"
        return clean_line(f"{said}: {error.detail}" if error.detail else said, _MOST_WORDS)
    return clean_line(str(error), _MOST_WORDS)
