"""``/v1/conductors``: the controllers that share this database."""

from controller.api.call import Call
from controller.api.resource.description import Resource
from controller.api.resource.field import Field, Getter
from controller.api.resource.shapes import as_date, as_links
from controller.store.conductors import ALIVE_S
from controller.store.tables import Conductor


def _is_alive(call: Call, _resource: Resource, _one: Field) -> Getter:
    """Show whether it has been seen lately."""
    now = call.services.clock()
    return lambda row: now - row.seen_at < ALIVE_S


CONDUCTORS = Resource(
    path="conductors",
    kind="conductor",
    table=Conductor,
    ident="hostname",
    since=49,
    has_detail=False,
    fields=(
        Field(name="created_at", column="started_at", show=as_date, is_sortable=True),
        Field(name="updated_at", column="seen_at", show=as_date, is_sortable=True),
        Field(name="hostname", is_sortable=True),
        Field(name="conductor_group", is_sortable=True),
        Field(name="drivers", column="hardware_types"),
        Field(name="links", column=None, show=as_links),
        Field(name="alive", column="seen_at", show=_is_alive),
    ),
    listed=("hostname", "conductor_group", "links", "alive"),
)
