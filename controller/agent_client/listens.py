"""Whether an agent is there at all: it takes connections at its address. Nothing is said to it."""

import socket
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


def listens(url: str, timeout_s: float) -> bool:
    """Say whether somebody takes connections at the host and port of ``url`` within ``timeout_s``.

    Agents call back with IP addresses (``workflow/senders.py``), so no name server is asked.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
        with socket.create_connection((parts.hostname or "", port), timeout=timeout_s):
            return True
    except (OSError, ValueError, UnicodeError):
        return False
