"""Node rows as documents: which columns a document needs, and how each field is made of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from agent.protocol.masking import masked
from agent.protocol.secret_names import MASK
from controller.api.call import Call
from controller.api.nodes.fields import LIST_FIELDS, NODE_FIELDS, NodeField
from controller.api.nodes.status import status_text
from controller.api.replies import iso_date, links
from controller.errors import Invalid, NotAcceptable
from controller.hardware.types import HardwareType

Getter = Callable[[Any], Any]
_MIN_FIELDS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """A choice of fields, ready to be read from the database and rendered."""

    columns: tuple[str, ...]
    getters: tuple[tuple[str, Getter], ...]

    def render(self, row: Any) -> dict[str, Any]:
        """Return the document of one row that has at least ``columns`` as attributes."""
        return {name: get(row) for name, get in self.getters}


def full_view(call: Call) -> NodeView:
    """Return the view of everything that the request's microversion knows."""
    return make_view(
        call, [name for name, field in NODE_FIELDS.items() if field.since <= call.minor]
    )


def list_view(call: Call) -> NodeView:
    """Return the view of a list without a choice of fields."""
    known = [name for name in LIST_FIELDS if NODE_FIELDS[name].since <= call.minor]
    return make_view(call, [*known, "links"])


def chosen_view(call: Call, text: str) -> NodeView:
    """Return the view of a client's ``fields`` (names with commas); links come with it.

    Raises:
        NotAcceptable: The microversion has no such argument, or not yet such a field.
        Invalid: There is no such field; the message lists all.
    """
    call.require(_MIN_FIELDS, "?fields=")
    names = [name.strip() for name in text.split(",") if name.strip()]
    check_names(call, names)
    ordered = [name for name in NODE_FIELDS if name in set(names)]
    return make_view(call, ordered if "links" in names else [*ordered, "links"])


def check_names(call: Call, names: Iterable[str]) -> None:
    """Refuse names that are no fields, or none yet at the request's microversion."""
    for name in names:
        field = NODE_FIELDS.get(name)
        if field is None:
            valid = ", ".join(sorted(n for n, f in NODE_FIELDS.items() if f.since <= call.minor))
            raise Invalid(f"Field {name} is not a valid field of a node; valid: {valid}")
        if field.since > call.minor:
            raise NotAcceptable(
                f"Field {name} needs API version 1.{field.since}, the request has 1.{call.minor}"
            )


def make_view(call: Call, names: Sequence[str]) -> NodeView:
    """Return the view of exactly these fields."""
    fields = [NODE_FIELDS[name] for name in names]
    columns = dict.fromkeys(("id", "uuid", *(c for field in fields for c in field.columns)))
    return NodeView(
        columns=tuple(columns),
        getters=tuple((field.name, _getter(field, call)) for field in fields),
    )


def _getter(field: NodeField, call: Call) -> Getter:
    make = _SHAPES.get(field.shape)
    return attrgetter(field.name) if make is None else make(field.name, call)


def _interface(name: str, call: Call) -> Getter:
    kind, types = name.removesuffix("_interface"), call.services.catalog.types
    return lambda row: chosen_interface(types.get(row.driver), row.interfaces, kind)


def _deadline(name: str, call: Call) -> Getter:
    to_wall = call.services.store.steady.to_wall

    def get(row: Any) -> str | None:
        steady = getattr(row, name)
        return None if steady is None else iso_date(to_wall(steady))

    return get


def _status(_name: str, call: Call) -> Getter:
    now, steady = call.services.clock(), call.services.steady()
    return lambda row: status_text(row, now, steady)


_SHAPES: Mapping[str, Callable[[str, Call], Getter]] = MappingProxyType(
    {
        "date": lambda name, _call: lambda row: iso_date(getattr(row, name)),
        "masked": lambda name, _call: lambda row: masked(getattr(row, name) or {}),
        "instance_info": lambda _name, _call: _instance_info,
        "interface": _interface,
        "links": lambda _name, call: lambda row: links(call.base_url, f"nodes/{row.uuid}"),
        "sub_links": lambda name, call: (
            lambda row: links(call.base_url, f"nodes/{row.uuid}/{name}")
        ),
        "reservation": lambda _name, _call: attrgetter("claim_owner"),
        "deadline": _deadline,
        "status": _status,
        "receipt": lambda name, _call: lambda row: (row.driver_internal_info or {}).get(name),
        "null": lambda _name, _call: lambda _row: None,
    }
)
"""How a shape is made of a row; a shape that is not here is the column as it is."""


def chosen_interface(
    hardware_type: HardwareType | None, chosen: dict[str, Any] | None, kind: str
) -> str | None:
    """Return the interface of a kind: the node's choice or the hardware type's default."""
    choice = (chosen or {}).get(kind)
    if choice is not None:
        return str(choice)
    return hardware_type.supports[kind][0] if hardware_type else None


def _instance_info(row: Any) -> dict[str, Any]:
    shown = masked(row.instance_info or {})
    if row.config_drive:
        shown["configdrive"] = MASK
    return shown
