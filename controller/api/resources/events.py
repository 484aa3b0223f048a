"""``/v1/events``: what a network service says of ports. Nothing acts on it here; it stands in the history of the port's node."""

import re
from collections.abc import Iterable
from typing import Any

import msgspec
from flask import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from controller.api.call import Call
from controller.api.documents.orders import ExternalEvent, ExternalEvents
from controller.api.replies import empty_reply
from controller.errors import Invalid
from controller.store.events import ForeignEvent, count_event
from controller.store.identity import is_uuid
from controller.store.tables import Node, Port

SINCE = 54
_MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", re.IGNORECASE)
_PLAIN_UUID = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)
"""Without hyphens, as Keystone writes it."""
_MOST_WORDS = 64
"""Characters of a status that are told."""


def take(call: Call) -> Response:
    """Take what a network service says of ports, and write it into the history of their nodes."""
    events = parse_events(call.body_object())
    told = {event.mac_address.lower(): event for event in events}  # the last word about a port
    with call.services.store.read() as session:
        known = _nodes_by_mac(session, told)
    if known:
        with call.services.store.edit() as session:
            for mac, node in _nodes_by_mac(session, known).items():
                _tell(session, node, told[mac], call.services.clock())
    return empty_reply()


def parse_events(body: dict[str, Any]) -> tuple[ExternalEvent, ...]:
    """Read a request's body.

    Raises:
        Invalid: It is malformed; the message says where.
    """
    try:
        events = msgspec.convert(body, ExternalEvents).events
    except msgspec.ValidationError as error:
        raise Invalid(f"The events are malformed: {error}") from error
    for number, event in enumerate(events):
        where = f"events/{number}"
        if not _MAC.fullmatch(event.mac_address):
            raise Invalid(f"{where}/mac_address must be written as 52:54:00:12:34:56")
        uuids = {"port_id": event.port_id, "device_id": event.device_id}
        uuids["binding:host_id"] = event.host_id
        if wrong := [
            name
            for name, one in uuids.items()
            if not (one is None or is_uuid(one) or _PLAIN_UUID.fullmatch(one))
        ]:
            raise Invalid(f"{where}: expected a UUID for {', '.join(wrong)}")
    return events


def _nodes_by_mac(session: Session, macs: Iterable[str]) -> dict[str, Node]:
    query = select(Port.address, Node).join(Node, Node.id == Port.node_id)
    rows = session.execute(query.where(Port.address.in_(list(macs)))).all()
    return {str(address): node for address, node in rows}


def _tell(session: Session, node: Node, event: ExternalEvent, now: float) -> None:
    text = f"the network service says {event.event} of port {event.mac_address.lower()}"
    data = {"event": event.event, "port_id": event.port_id, "status": event.status[:_MOST_WORDS]}
    message = f"{text}, status {event.status[:_MOST_WORDS]!r}; nothing here acts on it"
    found = ForeignEvent(kind="request", message=message, same=text, severity="INFO", data=data)
    count_event(session, node, found, now=now)
