"""What a resource of the API and its fields are: rows from which lists, documents, creations and patches are made."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from http import HTTPStatus
from operator import attrgetter
from typing import Any

from sqlalchemy import Select, bindparam, inspect, select
from sqlalchemy.orm import Session

from controller.api.access.asking import may
from controller.api.call import Call
from controller.api.resource.field import Field, Getter, Shape
from controller.api.resource.plain import Plain
from controller.api.resource.rules import (
    Condition,
    Filter,
    Parent,
    Rule,
    as_sent,
    every_row,
    nothing,
    of_project,
)
from controller.api.resource.shapes import (
    ASKS_NOTHING,
    TAKES_TEXT,
    as_masked,
    as_stored,
    if_seen,
    unless,
)
from controller.errors import Invalid
from controller.store.sealing import SealedJson, SealedText
from controller.store.stored_json import may_pass, passed_on, passed_on_unless_secret
from controller.store.tables import Node

Split = tuple[Plain, tuple[str, ...]]
CHOSEN = "chosen"
"""Parameter of the queries of one row."""
_MOST_QUERIES = 256
"""Of one resource that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A collection of the API."""

    path: str
    """Below ``/v1/``; its last part is the key of its lists."""
    kind: str
    """One of it, for messages: ``port``."""
    table: Any
    """Whose rows it shows: a mapped class, or a dataclass whose values are at hand."""
    fields: tuple[Field, ...]
    listed: tuple[str, ...]
    """What a list shows that was asked for no fields."""
    since: int = 1
    """First microversion of the whole resource; an older request gets 404 ..."""
    early_write: int = HTTPStatus.NOT_FOUND
    """... or this, where it would change something (Ironic has 405 for some resources)."""
    ident: str = "uuid"
    """The column by which an item is found, and by which pages go on."""
    fields_since: int = 8
    """First microversion of ``?fields=`` ..."""
    detail_since: int = 43
    """... and of ``?detail=``."""
    has_names: bool = False
    """Its items are found by name too."""
    is_sought_first: bool = False
    """A patch of an item that is not there is 404 whatever fields it names; of other resources the fields are looked at first."""
    has_detail: bool = True
    """Its lists have a ``/detail``; Ironic's newer ones have only ``?detail=``."""
    is_of_node: bool = False
    """Its items belong to a node (column ``node_id``, field ``node_uuid``), and change under that node's lock."""
    joined: Callable[[Select[Any]], Select[Any]] = lambda query: query
    """Joins what columns of other tables need (``others``)."""
    others: Mapping[str, Any] = field(default_factory=dict)
    """Columns of other tables by the name under which fields read them."""
    filters: Mapping[str, Filter] = field(default_factory=dict)
    """Query arguments of its lists that choose rows, all that are given."""
    visible: Callable[[Call, Session], Iterable[Condition]] = every_row
    """Further conditions of every list."""
    parents: tuple[Parent, ...] = ()
    """Where else it is listed."""
    rules: str = ""
    """What the rules of its lists begin with, ``baremetal:port``; empty = it belongs to no project."""
    own: Callable[[str], Condition] = of_project
    """The rows that a project sees in its lists; without another, those of its nodes."""
    project_argument: str = ""
    """Query argument of its lists that names a project."""
    is_owned: bool = False
    """Its items have an ``owner``: what a project creates belongs to it."""
    prepare: Callable[[Call, dict[str, Any]], dict[str, Any]] = as_sent
    """Turns the body of a creation into one of fields, where clients may say something in two ways."""
    on_create: Rule = nothing
    """Called when the row is written, in the same transaction."""
    on_patch: Rule = nothing
    """Called before the values are written."""
    on_delete: Rule = nothing
    """Called before the row goes."""
    by_name: Mapping[str, Field] = field(init=False)
    shapes: Mapping[str, Shape] = field(init=False, repr=False, compare=False)
    """How each field is shown."""
    plain: Mapping[str, Getter] = field(init=False, repr=False, compare=False)
    """Getters of the fields that everybody sees as they are stored."""
    queries: dict[tuple[str, ...], Select[Any]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """Those that were asked for, by the column that chooses the row and their fields."""
    _known: dict[int, tuple[str, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _fixed: dict[str, Getter] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Of the fields whose shape is one of ``ASKS_NOTHING``, once they were shown."""
    _splits: dict[tuple[str, ...], Split] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        """Refuse a description that says something else than the table.

        Raises:
            ValueError: A field has no column, or would show a secret, two have one name, or a list shows what there is not.
        """
        by_name = {one.name: one for one in self.fields}
        object.__setattr__(self, "by_name", by_name)
        if self.is_of_node:
            object.__setattr__(self, "others", {"node_uuid": Node.uuid, **self.others})
        columns = {*_columns_of(self.table), *self.others}
        sources = {self.ident, *(source for one in self.fields for source in one.sources)}
        if len(by_name) < len(self.fields) or not set(self.listed) <= set(by_name):
            raise ValueError(f"{self.path}: fields are there twice, or listed and not there")
        if missing := sorted(sources - columns):
            raise ValueError(f"{self.path}: no column {', '.join(missing)}")
        shapes = {one.name: self._shape(one) for one in self.fields}
        if bare := [name for name, shape in shapes.items() if shape is None]:
            raise ValueError(f"{self.path}: {', '.join(bare)} would show a secret")
        object.__setattr__(self, "shapes", shapes)
        stored = [one for one in self.fields if shapes[one.name] is as_stored]
        plain = [one for one in stored if one.hidden_by is None and not one.seen_by]
        object.__setattr__(
            self, "plain", {one.name: attrgetter(one.source or one.name) for one in plain}
        )

    @property
    def key(self) -> str:
        """Key of its lists."""
        return self.path.rpartition("/")[2]

    @property
    def name(self) -> str:
        """One of it as a word: ``volume_connector``."""
        return self.kind.replace(" ", "_")

    @property
    def one(self) -> str:
        """One of it with its article: ``a port``."""
        return f"{'an' if self.kind[0] in 'aeiou' else 'a'} {self.kind}"

    @property
    def plural(self) -> str:
        """Several of it, for messages: ``ports``."""
        return self.kind if self.kind.endswith("s") else f"{self.kind}s"

    def known(self, minor: int) -> tuple[str, ...]:
        """Return every field that a microversion shows."""
        found = self._known.get(minor)
        if found is None:
            found = tuple(one.name for one in self.fields if one.since <= minor)
            self._known[minor] = found
        return found

    def settable(self) -> tuple[str, ...]:
        """Return the fields that a creation takes."""
        return tuple(one.name for one in self.fields if one.check is not None and one.is_creatable)

    def patchable(self) -> tuple[str, ...]:
        """Return the fields that a patch takes."""
        return tuple(one.name for one in self.fields if one.check is not None and one.is_patchable)

    def sortable(self) -> tuple[str, ...]:
        """Return the fields that a list can be sorted by."""
        return tuple(one.name for one in self.fields if one.is_sortable)

    def columns(self, names: Sequence[str]) -> dict[str, Any]:
        """Return the columns that a document with these fields needs, by the name under which they are read."""
        found = (source for name in names for source in self.by_name[name].sources)
        sources = dict.fromkeys((self.ident, *found))
        return {one: self._column(one, names) for one in sources}

    def _column(self, source: str, names: Sequence[str]) -> Any:
        """Return a column of another table, or of its own; JSON that is only shown as it is stored is passed on as text."""
        if source in self.others:
            return self.others[source]
        column = getattr(self.table, source)
        readers = [name for name in names if source in self.by_name[name].sources]
        shapes = {self.shapes[name] for name in readers}
        if not shapes or not may_pass(column):
            return column
        if shapes == {as_stored}:
            return passed_on(column)
        return passed_on_unless_secret(column) if shapes <= TAKES_TEXT else column

    def _shape(self, one: Field) -> Shape | None:
        """Return how a field is shown; ``None`` = it must not be."""
        is_mapped = hasattr(self.table, "__table__") and one.source not in self.others
        column = getattr(self.table, one.source or "", None) if is_mapped else None
        kind = getattr(column, "type", None)
        if one.show is not None:
            return one.show
        if isinstance(kind, SealedText):
            return None
        return as_masked if isinstance(kind, SealedJson) else as_stored

    def is_masked(self, name: str) -> bool:
        """Say whether a field is shown masked; what is stored stays where the mask is sent back."""
        return self.shapes[name] is as_masked

    def select(self, names: Sequence[str], by: str = "") -> Select[Any]:
        """Return the query of the columns that a document with these fields needs.

        Made once for a choice of fields: putting it together costs more than running it. Clients that ask for ever other
        choices make it anew.

        Args:
            names: Fields of the resource.
            by: Column that chooses the row, by the parameter ``CHOSEN``; empty: every row.
        """
        key = (by, *names)
        query = self.queries.get(key)
        if query is None:
            query = self._select(names)
            if by:
                query = query.where(getattr(self.table, by) == bindparam(CHOSEN))
            if len(self.queries) >= _MOST_QUERIES:
                self.queries.clear()
            self.queries[key] = query
        return query

    def _select(self, names: Sequence[str]) -> Select[Any]:
        found = [column.label(name) for name, column in self.columns(names).items()]
        query = select(*found).select_from(self.table)
        if self.is_of_node:
            query = query.join(Node, Node.id == self.table.node_id)
        return self.joined(query)

    def split(self, names: tuple[str, ...]) -> Split:
        """Return the fields that everybody sees as they are stored, and the names of the others; made once for a choice."""
        found = self._splits.get(names)
        if found is None:
            columns = {name: str(self.by_name[name].source) for name in names if name in self.plain}
            plain = Plain(columns, tuple(self.columns(names)))
            found = plain, tuple(name for name in names if name not in columns)
            if len(self._splits) >= _MOST_QUERIES:
                self._splits.clear()
            self._splits[names] = found
        return found

    def getters(self, call: Call, names: Sequence[str]) -> dict[str, Getter]:
        """Return what makes each of these fields of a row."""
        found: dict[str, Getter] = {}
        for name in names:
            if name in self.plain:
                found[name] = self.plain[name]
                continue
            one = self.by_name[name]
            get = self._fixed.get(name) or self._made(call, one)
            is_restricted = bool(one.seen_by) and not may(call.principal, one.seen_by)
            found[name] = if_seen(call.principal, one, get) if is_restricted else get
        return found

    def _made(self, call: Call, one: Field) -> Getter:
        shape = self.shapes[one.name]
        get = shape(call, self, one)
        get = get if one.hidden_by is None else unless(one.hidden_by, get)
        if shape in ASKS_NOTHING:
            self._fixed[one.name] = get
        return get

    def require_known(self, call: Call, names: Sequence[str]) -> None:
        """Refuse names that are no fields in any version.

        Raises:
            Invalid: There is no such field; the message lists all.
        """
        for name in names:
            if name not in self.by_name:
                valid = ", ".join(self.known(call.minor))
                raise Invalid(f"Field {name} is not a valid field of {self.one}; valid: {valid}")

    def check_names(self, call: Call, names: Sequence[str]) -> None:
        """Refuse names that are no fields, or none yet at the request's microversion.

        Raises:
            Invalid: There is no such field; the message lists all.
            NotAcceptable: The microversion has it not yet.
        """
        self.require_known(call, names)
        for name in names:
            one = self.by_name[name]
            if one.since > call.minor:
                raise one.early(
                    f"Field {name} needs API version 1.{one.since}, the request has 1.{call.minor}"
                )


def _columns_of(table: Any) -> set[str]:
    """Return what can be read of a row."""
    if hasattr(table, "__table__"):
        return set(inspect(table).all_orm_descriptors.keys())
    return {one.name for one in fields(table)}
