"""``/v1/chassis``: groups of nodes."""

from dataclasses import replace

from controller.api.call import Call
from controller.api.documents import values
from controller.api.resource.common_fields import identity
from controller.api.resource.description import Resource
from controller.api.resource.field import Field, Getter
from controller.api.resource.rules import Change
from controller.api.resource.shapes import as_links, as_links_below, as_stored
from controller.errors import Invalid
from controller.store.chassis import Chassis, has_nodes


def _nodes(call: Call, resource: Resource, one: Field) -> Getter:
    """Show the links of its nodes as Ironic does: in a list of their own."""
    found = as_links_below(call, resource, one)
    return lambda row: [found(row)]


def _refuse_other_uuid(change: Change) -> None:
    """Refuse another UUID; a patch that comes out at the same one is no change, as in Ironic."""
    if "uuid" in change.changed:
        raise Invalid(f"Cannot overwrite the UUID of chassis {change.row.uuid}; create another one")


def _refuse_with_nodes(change: Change) -> None:
    if has_nodes(change.session, change.row):
        raise Invalid(
            f"Cannot complete the requested action because chassis {change.row.uuid} contains nodes; take them out first"
            " (PATCH of their chassis_uuid)"
        )


_UUID, *_DATES = identity()
CHASSIS = Resource(
    path="chassis",
    kind="chassis",
    table=Chassis,
    fields=(
        replace(_UUID, is_patchable=True),
        *_DATES,
        Field(name="description", check=values.text, is_sortable=True),
        Field(name="extra", show=as_stored, check=values.object_, default=dict),
        Field(name="links", column=None, show=as_links),
        Field(name="nodes", column=None, show=_nodes),
    ),
    listed=("uuid", "description", "links"),
    on_patch=_refuse_other_uuid,
    on_delete=_refuse_with_nodes,
)
