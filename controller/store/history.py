"""Queries for the history of a node, oldest event first."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from controller.errors import Invalid, NotFound
from controller.store.paging import Page
from controller.store.tables import NodeEvent


def list_events(session: Session, node_id: int, page: Page) -> Sequence[NodeEvent]:
    """Return one page of the node's events.

    Raises:
        Invalid: The marker is no event of this node.
    """
    query = select(NodeEvent).where(NodeEvent.node_id == node_id)
    if page.marker is not None:
        try:
            marker = read_event(session, node_id, page.marker)
        except NotFound as error:
            raise Invalid(f"marker: {error}") from error
        is_past = NodeEvent.id < marker.id if page.is_descending else NodeEvent.id > marker.id
        query = query.where(is_past)
    order = NodeEvent.id.desc() if page.is_descending else NodeEvent.id
    return session.scalars(query.order_by(order).limit(page.limit)).all()


def read_event(session: Session, node_id: int, uuid: str) -> NodeEvent:
    """Return one event of the node.

    Raises:
        NotFound: The node has no such event.
    """
    query = select(NodeEvent).where(NodeEvent.node_id == node_id, NodeEvent.uuid == uuid)
    event = session.scalars(query).one_or_none()
    if event is None:
        raise NotFound(f"History event {uuid} could not be found for this node")
    return event
