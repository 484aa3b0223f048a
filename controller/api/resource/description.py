"""What a resource of the API and its fields are: rows from which lists, documents, creations and patches are made."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from http import HTTPStatus
from operator import attrgetter
from typing import Any

from sqlalchemy import Select, inspect, select
from sqlalchemy.orm import Session

from agent.protocol.masking import masked_value
from controller.api.call import Call
from controller.api.replies import iso_date, links
from controller.api.resource.rules import (
    Condition,
    Filter,
    Parent,
    Rule,
    as_sent,
    every_row,
    nothing,
)
from controller.errors import Invalid, NotAcceptable
from controller.store.sealing import SealedJson, SealedText
from controller.store.tables import Node

Check = Callable[[Any, str], Any]
"""Takes a client's value and the field's name; returns the stored value or raises ``Invalid``."""
Getter = Callable[[Any], Any]
"""Makes the shown value of a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a document."""

    name: str
    since: int = 1
    """Microversion 1.``since`` shows and takes it."""
    early: type[Invalid | NotAcceptable] = NotAcceptable
    """What an older request gets that names it; Ironic knows some fields no earlier (400) and refuses others (406)."""
    column: str | None = ""
    """Column of the table that it is read from; empty = of the same name, ``None`` = none."""
    also: tuple[str, ...] = ()
    """Further columns that it is made of."""
    show: "Shape | None" = None
    """``None`` = as it is stored; of what is sealed in the database, with its secrets masked (``as_masked``)."""
    hidden_by: str | None = None
    """Column that says with its truth that it is shown as null; ``None`` = it never is."""
    check: Check | None = None
    """``None`` = clients cannot set it."""
    is_patchable: bool = True
    """If clients can set it: also after the creation."""
    is_creatable: bool = True
    """If clients can set it: also at the creation."""
    is_required: bool = False
    """It must be given at creation, and can only be replaced."""
    is_removable: bool = True
    """A patch can remove it, which sets it to its default."""
    default: Callable[[], Any] = lambda: None
    """What is stored where nothing is given, and where it is removed."""
    is_sortable: bool = False
    taken: str = ""
    """What is said when another item has its value, ``{}``, and no two may; empty = the usual words."""

    @property
    def source(self) -> str | None:
        """The column that it is read from."""
        return self.name if self.column == "" else self.column

    @property
    def sources(self) -> tuple[str, ...]:
        """All columns that it is made of."""
        found = (self.source, *self.also, self.hidden_by)
        return tuple(one for one in found if one is not None)


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
    prepare: Callable[[Call, dict[str, Any]], dict[str, Any]] = as_sent
    """Turns the body of a creation into one of fields, where clients may say something in two ways."""
    on_create: Rule = nothing
    """Called when the row is written, in the same transaction."""
    on_patch: Rule = nothing
    """Called before the values are written."""
    on_delete: Rule = nothing
    """Called before the row goes."""
    by_name: Mapping[str, Field] = field(init=False)

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
        if bare := [one.name for one in self.fields if self._shape(one) is None]:
            raise ValueError(f"{self.path}: {', '.join(bare)} would show a secret")

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
        return tuple(one.name for one in self.fields if one.since <= minor)

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
        return {
            one: self.others[one] if one in self.others else getattr(self.table, one)
            for one in sources
        }

    def _shape(self, one: Field) -> "Shape | None":
        """Return how a field is shown; ``None`` = it must not be."""
        table = getattr(self.table, "__table__", None)
        kind = None if table is None else getattr(table.columns.get(one.source), "type", None)
        if one.show is not None:
            return one.show
        if isinstance(kind, SealedText):
            return None
        return as_masked if isinstance(kind, SealedJson) else as_stored

    def is_masked(self, name: str) -> bool:
        """Say whether a field is shown masked; what is stored stays where the mask is sent back."""
        return self._shape(self.by_name[name]) is as_masked

    def select(self, names: Sequence[str]) -> Select[Any]:
        """Return the query of the columns that a document with these fields needs."""
        found = [column.label(name) for name, column in self.columns(names).items()]
        query = select(*found).select_from(self.table)
        if self.is_of_node:
            query = query.join(Node, Node.id == self.table.node_id)
        return self.joined(query)

    def getters(self, call: Call, names: Sequence[str]) -> dict[str, Getter]:
        """Return what makes each of these fields of a row."""
        found: dict[str, Getter] = {}
        for name in names:
            one = self.by_name[name]
            show = self._shape(one)
            if show is None:
                raise ValueError(f"{self.path}: {name} cannot be shown")  # refused at the start
            get = show(call, self, one)
            found[name] = get if one.hidden_by is None else _unless(one.hidden_by, get)
        return found

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


Shape = Callable[[Call, Resource, Field], Getter]
"""How a field is shown."""


def as_stored(_call: Call, _resource: Resource, one: Field) -> Getter:
    """Show the column as it is."""
    return attrgetter(one.source or one.name)


def as_date(_call: Call, _resource: Resource, one: Field) -> Getter:
    """Show seconds since the epoch as a date."""
    read = attrgetter(one.source or one.name)
    return lambda row: iso_date(read(row))


def as_masked(_call: Call, _resource: Resource, one: Field) -> Getter:
    """Show a document or a list with its secrets masked."""
    read = attrgetter(one.source or one.name)

    def get(row: Any) -> Any:
        value = read(row)
        return {} if value is None else masked_value("", value)

    return get


def _unless(column: str, get: Getter) -> Getter:
    """Return what makes ``None`` of a row where this column is true, and what ``get`` makes otherwise."""
    return lambda row: None if getattr(row, column) else get(row)


def as_links(call: Call, resource: Resource, _one: Field) -> Getter:
    """Show the links of the item itself."""
    read = attrgetter(resource.ident)
    return lambda row: links(call.base_url, f"{resource.path}/{read(row)}")


def as_links_below(call: Call, resource: Resource, one: Field) -> Getter:
    """Show the links of a collection below the item."""
    read = attrgetter(resource.ident)
    return lambda row: links(call.base_url, f"{resource.path}/{read(row)}/{one.name}")


def always(value: Any) -> Shape:
    """Return the shape of what is the same for every row."""
    return lambda _call, _resource, _one: lambda _row: value


def _columns_of(table: Any) -> set[str]:
    """Return what can be read of a row."""
    if hasattr(table, "__table__"):
        return set(inspect(table).all_orm_descriptors.keys())
    return {one.name for one in fields(table)}
