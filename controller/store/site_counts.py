"""How many nodes are in which state, and how much there is to do: for ``/metrics``; a handful of statements, however many nodes there are."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from controller.store.tables import Node, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteCounts:
    """Numbers of the whole site, whichever controller is asked."""

    provision_states: Mapping[str, int]
    power_states: Mapping[str, int]
    """``unknown`` where nobody has seen it."""
    faults: Mapping[str, int]
    maintenance: int
    work: Mapping[tuple[str, str], int]
    """By lane, and ``running`` (a controller is at it), ``due``, ``later`` or ``waiting`` (for a machine)."""


def count_site(session: Session, now: float) -> SiteCounts:
    """Count.

    Args:
        session: An open session.
        now: The steady clock.
    """

    def by(column: object, missing: str = "") -> dict[str, int]:
        query = select(column, func.count()).group_by(column)  # type: ignore[call-overload]
        return {str(key if key is not None else missing): n for key, n in session.execute(query)}

    state = case(
        (Work.claim_owner.is_not(None), "running"),
        (Work.due_at.is_(None), "waiting"),
        (Work.due_at <= now, "due"),
        else_="later",
    )
    work = select(Work.lane, state, func.count()).group_by(Work.lane, state)
    faults = by(Node.fault)
    faults.pop("", None)
    return SiteCounts(
        provision_states=by(Node.provision_state),
        power_states=by(Node.power_state, "unknown"),
        faults=faults,
        maintenance=session.scalar(select(func.count()).where(Node.maintenance)) or 0,
        work={(lane, which): count for lane, which, count in session.execute(work)},
    )
