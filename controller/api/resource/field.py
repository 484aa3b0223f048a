"""A field of a resource: where it comes from, who sees and sets it, since when."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controller.api.call import Call
from controller.api.resource.by_column import are_alike
from controller.errors import Invalid, NotAcceptable

Check = Callable[[Any, str], Any]
"""Takes a client's value and the field's name; returns the stored value or raises ``Invalid``."""
Getter = Callable[[Any], Any]
"""Makes the shown value of a row."""
Shape = Callable[[Call, Any, "Field"], Getter]
"""How a field is shown: takes the request, the resource and the field."""


@dataclass(frozen=True, slots=True)
class OfColumn:
    """A getter of what is made of one column alone: a long list takes the whole column."""

    column: str
    convert: Callable[[Any], Any]
    """Takes a value of the column that is not null, which stays null."""
    convert_all: Callable[[Sequence[Any]], Sequence[Any]] | None = None
    """Does the same for values of which none is null, where that costs less."""

    def __call__(self, row: Any) -> Any:
        """Make it of a row."""
        value = getattr(row, self.column)
        return None if value is None else self.convert(value)

    def many(self, columns: Mapping[str, Sequence[Any]]) -> Sequence[Any]:
        """Make it of the values of many rows, at least one."""
        values, convert = columns[self.column], self.convert
        if self.convert_all is not None and None not in values:
            return self.convert_all(values)
        if are_alike(values):
            return [None if values[0] is None else convert(values[0])] * len(values)
        return [None if value is None else convert(value) for value in values]


@dataclass(frozen=True, slots=True)
class OfColumns:
    """A getter of what is made of several columns, or of one that may be null, and of nothing else."""

    columns: tuple[str, ...]
    make: Callable[..., Any]
    """Takes a value of each."""

    def __call__(self, row: Any) -> Any:
        """Make it of a row."""
        return self.make(*[getattr(row, name) for name in self.columns])

    def many(self, columns: Mapping[str, Sequence[Any]]) -> Sequence[Any]:
        """Make it of the values of many rows, at least one: once, if they are alike."""
        values = [columns[name] for name in self.columns]
        if all(map(are_alike, values)):
            return [self.make(*[column[0] for column in values])] * len(values[0])
        return list(map(self.make, *values))


@dataclass(frozen=True, slots=True)
class Part:
    """A getter of one of several fields that are made of a row at once."""

    group: str
    """The same for all of them."""
    whole: OfColumns
    """Makes them by name; that of one of them is called for all."""
    name: str

    def __call__(self, row: Any) -> Any:
        """Make this one alone."""
        return self.whole(row)[self.name]


class OfRows:
    """A getter of what stands in another table: it is read for all rows that are shown, at once."""

    def __init__(self, read: Callable[[Sequence[int]], Mapping[int, Any]], default: Any) -> None:
        """Prepare.

        Args:
            read: Returns the values by the row's ``id``.
            default: Of rows for which there is none.
        """
        self._read = read
        self._default = default
        self._found: Mapping[int, Any] = {}

    def prepare(self, rows: Sequence[Any]) -> None:
        """Read what is shown of these rows; before the first of them is shown."""
        self._found = self._read([row.id for row in rows])

    def __call__(self, row: Any) -> Any:
        """Return what was read."""
        return self._found.get(row.id, self._default)


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
    show: Shape | None = None
    """``None`` = as it is stored; of what is sealed in the database, with its secrets masked (``as_masked``)."""
    seen_by: str = ""
    """Rule of those who see it, asked of the row's owner and lessee; empty = of all who see the item."""
    instead: Any = None
    """What others see."""
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
