"""sushy's ways to log in to a Redfish BMC, mended: a session that is given up is ended first, for a BMC has few."""

import contextlib
from collections.abc import Mapping
from types import MappingProxyType

from sushy import auth, exceptions

from controller.bmc.redfish_errors import LoginRefusedError, wants_new_password

_REFUSED = frozenset({400, 401})
"""How BMCs answer a login with a wrong password; 400 is not what DSP0266 has, and what some do."""


class Session(auth.SessionAuth):  # type: ignore[misc]  # sushy has no types
    """A session."""

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
        """Open another session in place of the one that the BMC refuses; that one may be alive: some refuse so what a role may not do.

        Raises:
            SushyError: The BMC refused the login; what the adapter raises passes too.
        """
        if self.can_refresh_session():
            with contextlib.suppress(exceptions.SushyError):
                self.close()
            self._do_authenticate()


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


def _is_refused(error: exceptions.SushyError) -> bool:
    """Say whether it is the password that is refused; 403 is also the answer of BMCs that have no sessions."""
    if not isinstance(error, exceptions.AccessError):
        return False
    return error.status_code in _REFUSED or wants_new_password(error)


LOGINS: Mapping[str, type[auth.AuthBase]] = MappingProxyType(
    {"AUTO": SessionOrBasic, "SESSION": Session, "BASIC": auth.BasicAuth}
)
"""By ``RedfishTarget.auth``."""
