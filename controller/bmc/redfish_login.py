"""sushy's ways to log in to a Redfish BMC, mended: a session that is given up is ended first, for a BMC has few."""

import contextlib
import sys
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import TypeGuard

from sushy import auth, exceptions

from controller.bmc.redfish_errors import LoginRefusedError, wants_new_password

_REFUSED = frozenset({400, 401})
"""How BMCs answer a login with a wrong password; 400 is not what DSP0266 has, and what some do."""


class Session(auth.SessionAuth):  # type: ignore[misc]  # sushy has no types
    """A session."""

    def authenticate(self) -> None:
        """Log in; a login that is refused is no good, though it was before.

        Raises:
            SushyError: The BMC refused the login, or cannot be reached; what the adapter raises passes too.
        """
        connector = self._connector
        was_good, connector.may_log_in_again = connector.may_log_in_again, False
        super().authenticate()
        connector.may_log_in_again = was_good

    def _do_authenticate(self) -> None:
        """Log in.

        Raises:
            SushyError: The BMC refused the login, or cannot be reached; what the adapter raises passes too.
        """
        try:
            super()._do_authenticate()
        except exceptions.BadRequestError as error:
            raise LoginRefusedError(error) from error

    def close(self) -> None:
        """End the session at the BMC; it is forgotten here even where that fails.

        Raises:
            SushyError: The BMC refused; what the adapter raises passes too.
        """
        path = self.get_session_resource_id()
        if path is None:
            return
        try:
            # without that word sushy would open another session to end one that has expired
            self._connector.delete(path, allow_reauth=False)
        finally:
            self.reset_session_attrs()

    def refresh_session(self) -> None:
        """Open another session in place of the one that the BMC refuses; not where that is alive and forbids only what was asked.

        Raises:
            SushyError: The BMC forbids it, or refused the login; what the adapter raises passes too.
        """
        if not self.can_refresh_session():
            return
        refused = sys.exception()  # which sushy handles when it calls this
        if _is_forbidden(refused) and self.is_alive():
            raise refused
        with contextlib.suppress(exceptions.SushyError):
            self.close()
        self.authenticate()

    @property
    def is_open(self) -> bool:
        """Whether the BMC has taken the login and opened a session for it; perhaps that has ended since."""
        return bool(self.can_refresh_session())

    def is_alive(self) -> bool:
        """Ask for the session itself, which whoever has it may read: some BMCs answer 403, too, in one that has ended."""
        try:
            self._connector.get(self.get_session_resource_id(), allow_reauth=False)
        except exceptions.SushyError:
            return False
        return True


class SessionOrBasic(Session, auth.SessionOrBasicAuth):  # type: ignore[misc]
    """A session, or the password with every request where the BMC has no sessions."""

    def _do_authenticate(self) -> None:
        """Log in; a password that is refused for a session is not tried once more as basic: each try counts for a lock-out.

        Raises:
            SushyError: The BMC refused the login, or cannot be reached; what the adapter raises passes too.
        """
        try:
            auth.SessionAuth._do_authenticate(self)  # noqa: SLF001  # sushy's own, without its fallback
        except exceptions.BadRequestError as error:
            raise LoginRefusedError(error) from error
        except exceptions.ConnectionError:
            raise
        except exceptions.SushyError as error:
            if _is_refused(error) or self._session_auth_previously_successful:
                raise
            self._fallback_to_basic_authentication()


def _is_forbidden(error: BaseException | None) -> TypeGuard[exceptions.AccessError]:
    return isinstance(error, exceptions.AccessError) and error.status_code == HTTPStatus.FORBIDDEN


def _is_refused(error: exceptions.SushyError) -> bool:
    """Say whether it is the password that is refused; 403 is also the answer of BMCs that have no sessions."""
    if not isinstance(error, exceptions.AccessError):
        return False
    return error.status_code in _REFUSED or wants_new_password(error)


LOGINS: Mapping[str, type[auth.AuthBase]] = MappingProxyType(
    {"AUTO": SessionOrBasic, "SESSION": Session, "BASIC": auth.BasicAuth}
)
"""By ``RedfishTarget.auth``."""
