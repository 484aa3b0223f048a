"""Who logs in by SSH, and to which node: ``NODE`` or ``USER+NODE``, with a key of the operator's or a password of the API."""

import base64
import logging
from pathlib import Path
from typing import NamedTuple

import asyncssh
from flask import Response

from controller.api.access.principal import Principal
from controller.api.auth import Guard, make_guard
from controller.errors import SettingsError
from controller.settings import Settings

log = logging.getLogger(__name__)

_PATH = "/v1/nodes"
"""The guard is asked as for this path: it is not public."""
_MOST_CHARS = 255


class Wanted(NamedTuple):
    """What an SSH user name says."""

    user: str
    """Of the API; empty = none."""
    node: str


def wanted_of(name: str) -> Wanted:
    """Read ``NODE`` or ``USER+NODE``; no name of a node has a plus."""
    user, _, node = name.rpartition("+")
    return Wanted(user, node)


class Logins:
    """The keys and users of the settings."""

    def __init__(self, settings: Settings) -> None:
        """Read the files.

        Raises:
            SettingsError: They cannot be used.
        """
        self._guard: Guard = make_guard(settings)
        self.is_open = settings.auth_strategy == "noauth"
        """Nobody has to log in, as with the API."""
        self.has_passwords = settings.auth_strategy == "http_basic"
        path = settings.console_ssh_authorized_keys
        self._path = Path(path) if path else None
        self.user_of_key("")  # a file that cannot be read is told at the start

    def by_password(self, user: str, password: str) -> Principal | None:
        """Return who this is; ``None`` = the API would not let them in either. Takes a tenth of a second."""
        word = base64.b64encode(f"{user}:{password}".encode()).decode()
        found = self._guard("GET", _PATH, {"Authorization": f"Basic {word}"})
        return None if isinstance(found, Response) else found

    def everybody(self) -> Principal:
        """Return who somebody is that nobody has asked."""
        found = self._guard("GET", _PATH, {})
        return Principal() if isinstance(found, Response) else found

    def by_key(self, key: asyncssh.SSHKey) -> Principal | None:
        """Return the operator whose key this is; its comment is the name. The file is read anew each time."""
        text = key.export_public_key().decode().split()[1]
        try:
            user = self.user_of_key(text)
        except SettingsError as error:
            log.error("%s; nobody logs in by a key", error)  # noqa: TRY400  # the cause is in the message
            return None
        return None if user is None else Principal(user=user, is_unrestricted=True)

    def user_of_key(self, wanted: str) -> str | None:
        """Return the comment of a key in base64, as the file has it; ``None`` = it is not there.

        Raises:
            SettingsError: The file cannot be read.
        """
        if self._path is None:
            return None
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"console_ssh_authorized_keys {self._path} cannot be read: {error}"
            ) from error
        for line in lines:
            words = line.split(maxsplit=2)
            if len(words) > 1 and not line.startswith("#") and words[1] == wanted:
                return words[2][:_MOST_CHARS] if len(words) > 2 else "operator"  # noqa: PLR2004  # kind, key, comment
        return None
