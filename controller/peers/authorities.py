"""Files of authorities that a setting names: read and tried once, at the start, so that a wrong one is told there and not at each call."""

import ssl
from pathlib import Path

from controller.errors import SettingsError


def read_authorities(setting: str, path: str) -> str | None:
    """Return the PEM text of the only authorities that are to be trusted; ``None`` = no file is named, the system's are.

    Args:
        setting: Its name, for the error.
        path: The file; empty = none.

    Raises:
        SettingsError: It cannot be read or has no certificate that can be used.
    """
    if not path:
        return None
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{setting} {path} cannot be read: {error}") from error
    try:
        trusting(text)
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise SettingsError(f"{setting} {path} has no certificate (PEM): {reason}") from error
    return text


def trusting(pem: str) -> ssl.SSLContext:
    """Return what trusts the certificates in a text alone; an empty text is none, where Python would take the system's authorities.

    Raises:
        ssl.SSLError: There is none in it, or one is broken.
        ValueError: Likewise.
    """
    if not pem:
        raise ssl.SSLError("it is empty")
    return ssl.create_default_context(cadata=pem)
