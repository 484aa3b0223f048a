"""What is known of where ports are attached: ``internal_info.switch_attachment`` of a port, written before the switch is asked.

``{"switch": .., "port": .., "network": ..}``, and ``switchport`` when the switch has been seen to have it. A port without one is in no network.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import String, cast, or_, select
from sqlalchemy import text as sql
from sqlalchemy.orm import Session

from controller.store.tables import Node, Port
from controller.workflow.networks.plan import Attachment, Moment

KEY = "switch_attachment"
_POSTGRES_LOCK = 0x1A60A
_WHAT = ("switch", "port", "switchport")
Place = tuple[str, str]
"""A switch and its port."""


def record_of(port: Port) -> Mapping[str, Any]:
    """Return what is known of a port; empty = it is in no network."""
    found = (port.internal_info or {}).get(KEY)
    return found if isinstance(found, Mapping) else {}


def place_of(port: Port) -> Place | None:
    """Return where a port was attached last, and has not been taken out since."""
    record = record_of(port)
    return (str(record["switch"]), str(record["port"])) if record else None


def attached_words(port: Port) -> str | None:
    """Return in words where a port may be in a network; ``None`` = it is in none."""
    record = record_of(port)
    if not record:
        return None
    return f"port {port.address} is in {record.get('network')} at port {record.get('port')} of switch {record.get('switch')}"


def recorded(one: Attachment, *, is_seen: bool) -> Mapping[str, Any] | None:
    """Return the record of an attachment; ``None`` = none, it is in no network.

    Args:
        one: The attachment.
        is_seen: The switch has said that it is so.
    """
    if one.network == Moment.IDLE:
        return None
    seen = {"switchport": str(one.wanted)} if is_seen else {}
    return {"switch": one.switch, "port": one.port, "network": one.network, **seen}


def with_record(port: Port, record: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a port's ``internal_info`` with another record."""
    others = {key: value for key, value in (port.internal_info or {}).items() if key != KEY}
    return others if record is None else {**others, KEY: dict(record)}


def is_as_recorded(plan: Sequence[Attachment], ports: Iterable[Port]) -> bool:
    """Say whether, as far as is known, everything is as planned already, whatever it is called."""
    wanted = {one.uuid: recorded(one, is_seen=True) for one in plan}
    return all(
        [record_of(port).get(key) for key in _WHAT]
        == [(wanted.get(port.uuid) or {}).get(key) for key in _WHAT]
        for port in ports
    )


def hold_places(session: Session) -> None:
    """Have whoever else is about to note a place wait until the transaction ends (SQLite has one writer)."""
    if session.get_bind().dialect.name != "sqlite":
        session.execute(sql(f"SELECT pg_advisory_xact_lock({_POSTGRES_LOCK})"))


def holders(session: Session, node_id: int, places: Collection[Place]) -> Mapping[Place, str]:
    """Return which of these places are those of ports of other nodes that are in a network there, with words for the port."""
    if not places:
        return {}
    text = cast(Port.internal_info, String)
    named = (text.contains(_fragment(place), autoescape=True) for place in places)
    query = select(Port, Node).join(Node, Node.id == Port.node_id)
    others = query.where(Port.node_id != node_id, or_(*named))
    found = ((place_of(other), other, node) for other, node in session.execute(others))
    return {
        place: f"port {other.address} of node {node.name or node.uuid}"
        for place, other, node in found
        if place is not None and place in places
    }


def _fragment(place: Place) -> str:
    """Return how the text of ``internal_info`` names a place."""
    switch, port = place
    return json.dumps({"switch": switch, "port": port}, separators=(",", ":"))[1:-1]
