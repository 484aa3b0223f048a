"""What a backup holds, whether this version and its keys can work with it, and what is changed in it when it is restored."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from controller.errors import SettingsError
from controller.states import TRANSITIONS, Event, target_of
from controller.store.key_file import KeyFile
from controller.store.migrate import known_revisions
from controller.store.notifications import RESTORE_LEAP
from controller.store.sealed_rows import opened_keyring
from controller.store.tables import WORKFLOW, SecretKey

_WORDS = (
    "a backup was restored in which this node was in the middle of something; nothing was done since: look at what "
    "the machine runs now before anything else is asked for"
)

_NUMBERED_SINCE = "0022"
"""The revision that has notifications."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """``revision``: of its tables, empty = there is none. ``key_id`` and ``check_value``: of the key of its secrets, empty likewise."""

    revision: str
    key_id: str
    check_value: str


def check_content(content: Content, file: Path, *, key_file: Path | None) -> None:
    """Refuse what a controller could not be started with.

    Args:
        content: What the backup holds.
        file: Its name, for the error.
        key_file: The keys that it would be started with; ``None`` = not asked.

    Raises:
        SettingsError: The tables are of a newer version or of another program, or the key is another.
    """
    if content.revision not in known_revisions():
        made = f"of revision {content.revision}" if content.revision else "not this program's"
        raise SettingsError(
            f"{file} cannot be used: its tables are {made}, and this version knows those up to "
            f"{known_revisions()[0]}; take the version of the program that made it"
        )
    if key_file is None or not content.key_id:
        return
    try:
        opened_keyring(
            KeyFile(key_file),
            SecretKey(id=1, key_id=content.key_id, check_value=content.check_value),
        )
    except SettingsError as error:
        raise SettingsError(f"{file} cannot be restored: {error}") from error


def restored_statements(revision: str) -> Iterator[str]:
    """Return the SQL that makes a copy of a running database one to start with.

    What was in the middle ends as failed: a deployment that went on by itself would erase what the machine got since.

    Args:
        revision: Of the copy's tables.
    """
    for (state, event), target in TRANSITIONS.items():
        if event is Event.FAIL:
            heading = "" if target_of(target) else ", target_provision_state = NULL"
            changes = f"last_error = '{_WORDS}', provision_state = '{target}'{heading}"
            yield f"UPDATE nodes SET {changes} WHERE provision_state = '{state}'"  # noqa: S608  # words of our own
    yield "UPDATE nodes SET target_power_state = NULL, clean_step = '{}', deploy_step = '{}', service_step = '{}'"
    yield f"DELETE FROM work WHERE lane = '{WORKFLOW}'"  # noqa: S608
    yield "UPDATE work SET claim_id = NULL, claim_owner = NULL, due_at = entered_at WHERE claim_id IS NOT NULL"
    yield "UPDATE conductors SET instance = NULL"
    known = known_revisions()
    if known.index(revision) <= known.index(_NUMBERED_SINCE):
        # Numbers that were given after the backup was made are not given again: who has seen them misses nothing.
        yield (
            f"INSERT INTO notification_counters (id, last) VALUES (1, {RESTORE_LEAP})"  # noqa: S608  # a number of our own
            f" ON CONFLICT (id) DO UPDATE SET last = notification_counters.last + {RESTORE_LEAP}"
        )
