"""Roles of the users of HTTP basic authentication: a file of ``user:role[:project]`` lines.

A role without a project holds for the whole system. The file is read again when it changes.
"""

import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from controller.api.access.principal import Principal, Role
from controller.api.htpasswd import stamp_of
from controller.errors import SettingsError

log = logging.getLogger(__name__)

_CHAIN = (Role.ADMIN, Role.MANAGER, Role.MEMBER, Role.READER)
"""Who has one of them has those behind it too, as Keystone's default roles imply each other."""
_MOST_CHARS = 255
ROLE_WORDS: Mapping[str, frozenset[Role]] = MappingProxyType(
    {role.value: frozenset(_CHAIN[place:]) for place, role in enumerate(_CHAIN)}
    | {
        "operator": frozenset({Role.MEMBER, Role.READER}),
        "observer": frozenset({Role.READER}),
        "service": frozenset({Role.SERVICE}),
    }
)
"""Words for roles; ``operator`` is ``member`` and ``observer`` is ``reader``."""


class RolesFile:
    """The roles of one file; safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            SettingsError: The file cannot be read, or a line makes no sense.
        """
        self._path = path
        self._lock = threading.Lock()
        self._stamp = stamp_of(path)
        self._principals = read_roles(path)

    def principal(self, user: str) -> Principal:
        """Return a user with the roles of its line; without a line it has none."""
        with self._lock:
            stamp = stamp_of(self._path)
            if stamp != self._stamp:
                self._stamp = stamp
                try:
                    self._principals = read_roles(self._path)
                except SettingsError as error:
                    log.error("%s; the roles known before stay", error)  # noqa: TRY400 - the cause is in the message
            return self._principals.get(user, Principal(user=user))


def read_roles(path: Path) -> dict[str, Principal]:
    """Return the principals of a file by user.

    Raises:
        SettingsError: The file cannot be read, or a line makes no sense; the message names it.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"roles_file {path} cannot be read: {error}") from error
    found: dict[str, Principal] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        where = f"{path} line {number}"
        one = _principal(line.strip(), where)
        if str(one.user) in found:
            raise SettingsError(f"{where}: {one.user} has a line already; a user acts in one place")
        found[str(one.user)] = one
    return found


def _principal(line: str, where: str) -> Principal:
    user, _, rest = line.partition(":")
    word, _, project = rest.partition(":")
    roles = ROLE_WORDS.get(word.strip().lower())
    if not user or roles is None or len(project) > _MOST_CHARS:
        raise SettingsError(
            f"{where} is not user:role or user:role:project; roles are {', '.join(ROLE_WORDS)}"
        )
    project = project.strip()
    return Principal(user=user, project=project or None, roles=roles, is_system=not project)
