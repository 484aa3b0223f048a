"""What a resource adds to its fields: rows that a list has, lists below a parent, and what a change means beside its row."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, or_
from sqlalchemy.orm import Session

from controller.api.call import Call
from controller.store.tables import Node

Condition = ColumnElement[bool]
Rows = Callable[[Call, Session, str], Condition | None]
"""Makes the condition for rows of an argument's value; ``None`` = whatever. Raises ``Invalid`` or ``NotFound``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A query argument that chooses rows."""

    rows: Rows
    since: int = 1
    """Older microversions refuse it (406)."""
    is_below: bool = False
    """The lists below a parent take it too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """A place below which the collection is listed, too: ``nodes/<ident>`` has ``nodes/<ident>/ports``."""

    path: str
    """Below ``/v1/``; with ``<ident>``."""
    rows: Rows
    since: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One creation, patch or deletion, in its transaction: an error in a rule undoes everything."""

    call: Call
    session: Session
    row: Any
    """A creation: as it is stored. A patch or deletion: locked, as it was before."""
    node: Node | None = None
    """Whose it is, locked; ``None`` = the resource's items belong to no node."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """New values of the fields that the client sent (a creation: of all that can be set)."""
    changed: frozenset[str] = frozenset()
    """Fields that get another value than they had (a creation: that the client sent)."""


Rule = Callable[[Change], None]
"""Refuses a change, or does what else belongs to it (other rows, other columns of ``row``)."""


def of_project(project: str) -> Condition:
    """Choose nodes, or what belongs to them, of a project: those that it owns or has leased."""
    return or_(Node.owner == project, Node.lessee == project)


def nothing(_change: Change) -> None:
    """Refuse nothing and do nothing more."""


def as_sent(_call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """Take the body of a creation as it is."""
    return body


def every_row(_call: Call, _session: Session) -> Iterable[Condition]:
    """Let a list have every row."""
    return ()
