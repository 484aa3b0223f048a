"""Pages of rows in a stable order: sorted by one column, then by ``id``; null sorts as the smallest value."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, or_
from sqlalchemy.orm import InstrumentedAttribute, Session

from controller.errors import Invalid, NotFound
from controller.store.identity import is_uuid


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which part of a list is wanted."""

    limit: int
    """Most rows to return, at least 1."""
    marker: str | None = None
    """``ident`` of the last row of the page before; ``None`` = from the start."""
    sort_column: str = "id"
    ident: str = "uuid"
    """The column that markers are of."""
    is_descending: bool = False


def fetch_page(
    session: Session, table: Any, query: Select[Any], page: Page, *, whole: Select[Any]
) -> list[Row[Any]]:
    """Return the rows of ``query`` (a choice of columns of ``table``) that belong to ``page``.

    Args:
        session: An open session.
        table: What the rows are of.
        query: What is asked for.
        page: Which part of it.
        whole: What may be seen; the marker is one of these, also if a filter chooses it no longer.

    Raises:
        NotFound: The marker names no row that may be seen.
        Invalid: The marker is no UUID, and should be one.
    """
    column = getattr(table, page.sort_column)
    if page.marker is not None:
        query = query.where(_is_past_marker(session, table, whole, page))
    found = query.order_by(*_order(table, column, page)).limit(page.limit)
    # Columns only: no objects are made, which costs half; and all rows in one step.
    return list(session.connection().execute(found).all())


def _order(table: Any, column: InstrumentedAttribute[Any], page: Page) -> list[Any]:
    by = [table.id] if page.sort_column == "id" else [column.is_not(None), column, table.id]
    return [item.desc() for item in by] if page.is_descending else by


def _is_past_marker(
    session: Session, table: Any, whole: Select[Any], page: Page
) -> ColumnElement[bool]:
    column = getattr(table, page.sort_column)
    is_last = getattr(table, page.ident) == page.marker
    query = whole.where(is_last).with_only_columns(table.id, column, maintain_column_froms=True)
    marker = session.execute(query).first()
    if marker is None:
        text = f"marker {page.marker} names nothing in this list; start again without it"
        is_uuids = page.ident == "uuid"
        raise Invalid(text) if is_uuids and not is_uuid(page.marker or "") else NotFound(text)
    row_id, value = marker
    past_id: ColumnElement[bool] = table.id < row_id if page.is_descending else table.id > row_id
    if page.sort_column == "id":
        return past_id
    if value is None:
        same = and_(column.is_(None), past_id)
        return same if page.is_descending else or_(column.is_not(None), same)
    same = and_(column == value, past_id)
    if page.is_descending:
        return or_(column < value, column.is_(None), same)
    return or_(column > value, same)
