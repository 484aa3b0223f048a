"""sushy's ways to log in to a Redfish BMC, mended: a session that is given up is ended first, for a BMC has few."""

import contextlib
from collections.abc import Mapping
from types import MappingProxyType

from sushy import auth, exceptions

_REFUSED = 401


class Session(auth.SessionAuth):  # type: ignore[misc]  # sushy has no types
    """A session."""

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
        except exceptions.ConnectionError:
            raise
        except exceptions.SushyError as error:
            is_refused = isinstance(error, exceptions.AccessError) and error.status_code == _REFUSED
            if is_refused or self._session_auth_previously_successful:
                raise
            self._fallback_to_basic_authentication()


LOGINS: Mapping[str, type[auth.AuthBase]] = MappingProxyType(
    {"AUTO": SessionOrBasic, "SESSION": Session, "BASIC": auth.BasicAuth}
)
"""By ``RedfishTarget.auth``."""
