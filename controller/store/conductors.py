"""The controller processes that share a database: each has a name of its own, for claims are made in it."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from controller.errors import SettingsError
from controller.store.database import Store
from controller.store.tables import Conductor

ALIVE_S = 60.0
"""A controller that has not been seen for longer counts as dead."""


def take_name(
    store: Store, hostname: str, instance: str, drivers: Sequence[str], *, predecessor: str | None
) -> None:
    """Begin to run under a name.

    Args:
        store: The database.
        hostname: The name.
        instance: Identifies this process.
        drivers: What it serves.
        predecessor: The process that certainly has ended: the last one in our state directory.

    Raises:
        SettingsError: Another process runs under this name.
    """
    now = store.clock()
    with store.edit() as session:
        row = _row(session, hostname)
        if row is None:
            row = Conductor(hostname=hostname, started_at=now, seen_at=now, drivers=[])
            session.add(row)
        elif row.instance not in {None, instance, predecessor} and now - row.seen_at < ALIVE_S:
            raise _taken(row, now)
        row.started_at = row.seen_at = now
        row.instance, row.drivers = instance, list(drivers)


def report_alive(store: Store, hostname: str, instance: str) -> bool:
    """Say that this controller runs; false = the name has been taken over because we were silent for too long."""
    with store.edit() as session:
        row = _row(session, hostname)
        if row is None or row.instance != instance:
            return False
        row.seen_at = store.clock()
    return True


def give_name_back(store: Store, hostname: str, instance: str) -> None:
    """Say that this controller has ended, so that its name is free at once."""
    with store.edit() as session:
        row = _row(session, hostname)
        if row is not None and row.instance == instance:
            row.instance = None


def _row(session: Session, hostname: str) -> Conductor | None:
    query = select(Conductor).where(Conductor.hostname == hostname)
    return session.scalars(query.with_for_update()).one_or_none()


def _taken(row: Conductor, now: float) -> SettingsError:
    started = datetime.fromtimestamp(row.started_at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    silent_s = now - row.seen_at
    return SettingsError(
        f"a controller with hostname {row.hostname!r} runs on this database already (since {started} UTC, seen "
        f"{silent_s:.0f} s ago); two with one name would do each other's work twice: give every controller a "
        "hostname of its own (the setting hostname). If that one was killed and had another state_directory, "
        f"this one can start in {ALIVE_S - silent_s:.0f} s"
    )
