"""Queries for ports."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from controller.errors import NotFound
from controller.store.identity import is_uuid
from controller.store.tables import Port


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
