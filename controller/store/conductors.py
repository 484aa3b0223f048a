"""The controller processes that share a database."""

from collections.abc import Sequence

from sqlalchemy import select

from controller.store.database import Store
from controller.store.tables import Conductor

ALIVE_S = 60.0
"""A controller that has not been seen for longer counts as dead."""


def report_alive(store: Store, hostname: str, drivers: Sequence[str], *, started: bool) -> None:
    """Say that this controller runs; ``started`` = for the first time in this process."""
    now = store.clock()
    with store.edit() as session:
        row = session.scalars(select(Conductor).where(Conductor.hostname == hostname)).first()
        if row is None:
            row = Conductor(hostname=hostname, started_at=now, seen_at=now, drivers=[])
            session.add(row)
        row.seen_at = now
        row.drivers = list(drivers)
        if started:
            row.started_at = now
