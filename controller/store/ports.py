"""Queries for ports."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from controller.errors import NotFound
from controller.store.identity import is_uuid
from controller.store.paging import Page, fetch_page
from controller.store.tables import Node, Port


@dataclass(frozen=True, slots=True, kw_only=True)
class PortFilters:
    """Which ports a list has; ``None`` = whatever."""

    node_uuid: str | None = None
    address: str | None = None
    """MAC address in its stored form."""
    conductor_groups: tuple[str, ...] | None = None
    shards: tuple[str, ...] | None = None


def list_ports(
    session: Session, columns: Sequence[str], filters: PortFilters, page: Page
) -> list[Row[Any]]:
    """Return one page of ports with ``columns``; ``node_uuid`` is among the names that may be asked for."""
    query = _select(columns)
    if filters.node_uuid is not None:
        query = query.where(Node.uuid == filters.node_uuid)
    if filters.address is not None:
        query = query.where(Port.address == filters.address)
    if filters.conductor_groups is not None:
        query = query.where(Node.conductor_group.in_(filters.conductor_groups))
    if filters.shards is not None:
        query = query.where(Node.shard.in_(filters.shards))
    return fetch_page(session, Port, query, page)


def read_port(session: Session, ident: str, columns: Sequence[str]) -> Row[Any]:
    """Return ``columns`` of the port with this UUID or name.

    Raises:
        NotFound: There is no such port.
    """
    row = session.execute(_select(columns).where(_is(ident))).one_or_none()
    if row is None:
        raise NotFound(f"Port {ident} could not be found")
    return row


def get_port(session: Session, ident: str) -> Port:
    """Return the port with this UUID or name, locked for a change.

    Raises:
        NotFound: There is no such port.
    """
    port = session.scalars(select(Port).where(_is(ident)).with_for_update()).one_or_none()
    if port is None:
        raise NotFound(f"Port {ident} could not be found")
    return port


def _is(ident: str) -> Any:
    return Port.uuid == ident.lower() if is_uuid(ident) else Port.name == ident


def _select(columns: Sequence[str]) -> Any:
    chosen = [
        Node.uuid.label("node_uuid") if name == "node_uuid" else getattr(Port, name)
        for name in columns
    ]
    return select(*chosen).join(Node, Node.id == Port.node_id)
