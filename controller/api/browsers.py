"""What a page of somebody else must not do with a person's browser: requests in the person's name; pure.

A browser sends what any page tells it to, from inside of networks and with remembered passwords. It names the page
(``Origin``, ``Sec-Fetch-Site``; Fetch standard) and the host that it believes to talk to (``Host``), and it lets a foreign
page send no JSON type without asking first. Other programs send none of these headers, or the right ones.
"""

import ipaddress
import socket
from http import HTTPStatus
from urllib.parse import urlsplit

from controller.api.versions import Headers
from controller.errors import ControllerError, Forbidden
from controller.settings import Settings

READING = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""
_OWN_SITES = frozenset({"same-origin", "none"})
_JSON = "application/json"
_DEFAULT_PORTS = {"http": 80, "https": 443}


class NotJson(ControllerError):
    """The body does not say that it is JSON."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class Browsers:
    """The rules, with this controller's names."""

    def __init__(self, settings: Settings, hostname: str) -> None:
        """Take the names from the settings and from this machine's ``hostname``."""
        extra = settings.allowed_hosts.replace(",", " ").split()
        public = urlsplit(settings.public_url).hostname or ""
        names = ("localhost", settings.listen_host, hostname, socket.gethostname(), public, *extra)
        self._names = frozenset(name.lower().strip("[].") for name in names if name)
        self._trusted = frozenset(name.lower().strip("[].") for name in (public, *extra) if name)
        self._checks_host = settings.auth_strategy == "noauth" or bool(extra)

    def check(self, method: str, headers: Headers) -> None:
        """Refuse what a foreign page sends through a browser.

        Raises:
            Forbidden: Its ``Host`` is none of ours (DNS rebinding; not looked at where everybody must log in and
                ``allowed_hosts`` is empty), or it changes something and comes from another site's page.
        """
        host = headers.get("Host") or ""
        if self._checks_host and host and not self._is_ours(_hostname(f"//{host}")):
            raise Forbidden(
                f"Host {host[:100]!r} is not a name of this controller; use its address or its hostname, "
                "or add the name to the setting allowed_hosts"
            )
        if method not in READING:
            self._check_origin(headers, host)

    def check_page(self, headers: Headers) -> None:
        """Refuse another site's page, also where it changes nothing: browsers let any page open a WebSocket, and show it what comes.

        Raises:
            Forbidden: Says how to let one in.
        """
        self._check_origin(headers, headers.get("Host") or "")

    def _check_origin(self, headers: Headers, host: str) -> None:
        site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
        if site == "same-origin":
            return
        is_foreign_site = site is not None and site not in _OWN_SITES
        is_foreign_page = origin is not None and not self._is_own_page(origin, host)
        if is_foreign_page or (is_foreign_site and origin is None):
            page = f"a page of {origin[:100]}" if origin else "a page of another site"
            raise Forbidden(
                f"The request comes from {page}, which may not change anything here; if that is a page of yours, "
                "add its host to the setting allowed_hosts"
            )

    def _is_own_page(self, origin: str, host: str) -> bool:
        hostname = _hostname(origin)
        if hostname is None:
            return False
        return hostname in self._trusted or _place(origin) == _place(
            f"{origin.partition(':')[0]}://{host}"
        )

    def _is_ours(self, hostname: str | None) -> bool:
        if hostname is None:
            return False
        return hostname in self._names or hostname.endswith(".localhost") or _is_address(hostname)


def check_type(content_type: str | None) -> None:
    """Refuse a body that does not say that it is JSON.

    Raises:
        NotJson: Says what to send.
    """
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind == _JSON or (kind.startswith("application/") and kind.endswith("+json")):
        return
    given = f"not {kind[:100]}" if kind else "and it has none"
    raise NotJson(f"A body must have the header Content-Type: {_JSON}, {given}")


def _place(url: str) -> tuple[str | None, int | None]:
    try:
        parts = urlsplit(url)
        return _hostname(url), parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None, None


def _hostname(url: str) -> str | None:
    """Return the host of a URL in small letters; ``None`` = it has none, or no sense."""
    try:
        name = urlsplit(url).hostname
    except ValueError:
        return None
    return name.rstrip(".") if name else None


def _is_address(hostname: str) -> bool:
    """Say whether it is an IP address: no DNS server can make that somebody else's name."""
    try:
        ipaddress.ip_address(hostname.partition("%")[0])
    except ValueError:
        return False
    return True
