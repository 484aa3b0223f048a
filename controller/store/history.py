"""Queries for the history of a node, oldest event first unless it is sorted otherwise."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from controller.errors import NotFound
from controller.store.paging import Page, fetch_page
from controller.store.tables import NodeEvent


def list_events(session: Session, node_id: int, page: Page) -> Sequence[Row[Any]]:
    """Return one page of the node's events, with all columns of each.

    Raises:
        NotFound: The marker is no event of this node.
        Invalid: The marker is no UUID.
    """
    whole = select(*NodeEvent.__table__.columns).where(NodeEvent.node_id == node_id)
    return fetch_page(session, NodeEvent, whole, page, whole=whole)


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
