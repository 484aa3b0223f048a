"""How fields are shown: each function returns what makes the value of a row."""

from operator import attrgetter
from typing import Any, Protocol

import msgspec

from agent.protocol.masking import masked_value
from controller.api.access.asking import may
from controller.api.access.grants import Target
from controller.api.access.principal import Principal
from controller.api.call import Call
from controller.api.replies import LinksText, iso_date
from controller.api.resource.field import Field, Getter, OfColumn, OfColumns, Shape


class Collection(Protocol):
    """What a shape may know of its resource."""

    @property
    def path(self) -> str:
        """Below ``/v1/``."""

    @property
    def ident(self) -> str:
        """The column by which an item is found."""


def as_stored(_call: Call, _resource: Collection, one: Field) -> Getter:
    """Show the column as it is."""
    return attrgetter(one.source or one.name)


def as_date(_call: Call, _resource: Collection, one: Field) -> Getter:
    """Show seconds since the epoch as a date."""
    return OfColumn(one.source or one.name, iso_date)


def as_masked(_call: Call, _resource: Collection, one: Field) -> Getter:
    """Show a document or a list with its secrets masked."""
    return OfColumns((one.source or one.name,), _masked)


def _masked(value: Any) -> Any:
    if isinstance(value, msgspec.Raw):
        return value
    return masked_value("", value) if value else {} if value is None else value


TAKES_TEXT: set[Shape] = {as_masked}
"""Those that take a document as JSON too, where no secret is in it."""
ASKS_NOTHING: set[Shape] = {as_stored, as_date, as_masked}
"""Those that show everybody the same in the same way: what makes the values is made once."""


def unless(column: str, get: Getter) -> Getter:
    """Return what makes ``None`` of a row where this column is true, and what ``get`` makes otherwise."""
    return lambda row: None if getattr(row, column) else get(row)


def if_seen(principal: Principal, one: Field, get: Getter) -> Getter:
    """Return what makes the value of a row for whom its rule lets see it, and for others what stands there instead."""

    def shown(row: Any) -> Any:
        target = Target(owner=getattr(row, "owner", None), lessee=getattr(row, "lessee", None))
        return get(row) if may(principal, one.seen_by, target) else one.instead

    return shown


def as_links(call: Call, resource: Collection, _one: Field) -> Getter:
    """Show the links of the item itself."""
    return _of_links(resource, LinksText(call.base_url, f"{resource.path}/"))


def as_links_below(call: Call, resource: Collection, one: Field) -> Getter:
    """Show the links of a collection below the item."""
    return _of_links(resource, LinksText(call.base_url, f"{resource.path}/", f"/{one.name}"))


def _of_links(resource: Collection, text: LinksText) -> Getter:
    return OfColumn(resource.ident, text, text.of_all)


def always(value: Any) -> Shape:
    """Return the shape of what is the same for every row."""
    return lambda _call, _resource, _one: lambda _row: value
