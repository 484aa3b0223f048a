"""The controller processes that share a database: names, beats, and what each serves.

A controller lives while its beat grows. Others judge that by their own monotonic clocks (``Watch``), so that no clock of
another machine and no step of a wall clock makes a living one dead.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from controller.errors import SettingsError
from controller.store.database import Store
from controller.store.tables import Conductor, Work

ALIVE_S = 60.0
"""A controller that has not been seen for longer is shown as dead, and its name is free."""
BEAT_S = 3.0
"""How often a controller says that it lives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serves:
    """What a controller can do."""

    hardware_types: Sequence[str] = ()
    """Values of a node's ``driver``."""
    conductor_group: str = ""


class Watch:
    """Which controllers live, by their beats and our monotonic clock."""

    def __init__(self, lease_s: float) -> None:
        self._lease_s = lease_s
        self._seen: dict[str, tuple[tuple[str | None, int], float]] = {}

    def living(self, rows: Iterable[Conductor], now: float) -> list[Conductor]:
        """Return those whose beat has grown within the lease; one that is seen for the first time counts as living.

        Args:
            rows: All controllers.
            now: Our monotonic clock.
        """
        living = []
        for row in rows:
            beat = (row.instance, row.beat)
            last, since = self._seen.get(row.hostname, (None, now))
            if last != beat:
                since = now
                self._seen[row.hostname] = (beat, now)
            if row.instance is not None and now - since < self._lease_s:
                living.append(row)
        return living


def take_name(
    store: Store,
    hostname: str,
    instance: str,
    serves: Serves,
    *,
    predecessors: Collection[str] = (),
) -> None:
    """Begin to run under a name, and on the steady clock of the controllers before.

    Args:
        store: The database.
        hostname: The name.
        instance: Identifies this process.
        serves: What it can do.
        predecessors: Processes that certainly have ended: the last ones in our state directory.

    Raises:
        SettingsError: Another process runs under this name.
    """
    with store.edit() as session:
        now = database_now(store, session)
        row = _row(session, hostname)
        if row is None:
            row = Conductor(hostname=hostname, started_at=now, seen_at=now, beat=0)
            session.add(row)
        elif row.instance not in {None, instance, *predecessors} and now - row.seen_at < ALIVE_S:
            raise _taken(row, now)
        steady = _steady_now(session, now, store.steady(), but=hostname)
        store.steady.begin_at(steady)
        row.started_at = row.seen_at = now
        row.steady_at, row.beat, row.instance = steady, row.beat + 1, instance
        row.hardware_types = list(serves.hardware_types)
        row.conductor_group = serves.conductor_group


def report_alive(
    store: Store, hostname: str, instance: str, *, lease_s: float
) -> Sequence[Conductor] | None:
    """Say that this controller lives, and return all; ``None`` = the name has been taken over: we were silent for too long.

    One that was silent for a lease counts as started now: it follows the clock of those who went on, for its own may have
    stood still meanwhile.
    """
    with store.edit() as session:
        row = _row(session, hostname)
        if row is None or row.instance != instance:
            return None
        now = database_now(store, session)
        if now - row.seen_at > lease_s:
            row.started_at = now
        row.seen_at, row.steady_at = now, store.steady()
        row.beat += 1
        session.flush()
        rows = session.scalars(select(Conductor).order_by(Conductor.started_at, Conductor.id)).all()
        session.expunge_all()
    return rows


def give_name_back(store: Store, hostname: str, instance: str) -> None:
    """Say that this controller has ended, so that its name is free and its nodes are taken over at once."""
    with store.edit() as session:
        row = _row(session, hostname)
        if row is not None and row.instance == instance:
            row.instance, row.steady_at = None, store.steady()


def database_now(store: Store, session: Session) -> float:
    """Return the database's time, the same for all controllers: PostgreSQL's clock, with SQLite our own."""
    if store.is_sqlite:
        return store.clock()
    return float(session.scalar(select(func.extract("epoch", func.clock_timestamp()))) or 0.0)


def _row(session: Session, hostname: str) -> Conductor | None:
    query = select(Conductor).where(Conductor.hostname == hostname)
    return session.scalars(query.with_for_update()).one_or_none()


def _steady_now(session: Session, now: float, ours: float, *, but: str) -> float:
    """Return where the steady clock of a controller that starts goes on: with those who live, or where the last one stopped."""
    others = session.scalars(select(Conductor).where(Conductor.steady_at.is_not(None))).all()
    living = [
        row.steady_at + now - row.seen_at
        for row in others
        if row.hostname != but
        and row.instance is not None
        and row.steady_at is not None
        and 0 <= now - row.seen_at < ALIVE_S
    ]
    if living:
        return max(living)
    ended = [row.steady_at + BEAT_S for row in others if row.steady_at is not None]
    if not ended:
        return ours
    return max(*ended, session.scalar(select(func.max(Work.entered_at))) or 0.0)


def _taken(row: Conductor, now: float) -> SettingsError:
    started = datetime.fromtimestamp(row.started_at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    silent_s = now - row.seen_at
    return SettingsError(
        f"a controller with hostname {row.hostname!r} runs on this database already (since {started} UTC, seen "
        f"{silent_s:.0f} s ago); two with one name would do each other's work twice: give every controller a "
        "hostname of its own (the setting hostname). If that one was killed and had another state_directory, "
        f"this one can start in {ALIVE_S - silent_s:.0f} s"
    )


def refuse_others(store: Store, hostname: str) -> None:
    """Make sure that no controller with another name is alive: it would not be told of a new key.

    Raises:
        SettingsError: Names them.
    """
    with store.read() as session:
        query = select(Conductor.hostname).where(
            Conductor.hostname != hostname,
            Conductor.instance.is_not(None),
            Conductor.seen_at > database_now(store, session) - ALIVE_S,
        )
        others = sorted(session.scalars(query))
    if others:
        raise SettingsError(
            f"the controllers {', '.join(others)} are running and may have a key file of their own: stop them and "
            "give them the new file afterwards, or say --file-is-shared if it is this one"
        )
