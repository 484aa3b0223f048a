"""``/v1/volume/connectors`` and ``/v1/volume/targets``: kept, and booted from where the node's storage interface says so (``external``)."""

from controller.api.documents import values
from controller.api.resource.common_fields import identity
from controller.api.resource.description import Resource
from controller.api.resource.field import Field
from controller.api.resource.of_node import BELOW_NODES, node_after, of_node
from controller.api.resource.rules import Change, Filter
from controller.api.resource.shapes import as_links, as_masked, as_stored
from controller.errors import InvalidStateRequested
from controller.states import State
from controller.store.tables import Node
from controller.store.volumes import VolumeConnector, VolumeTarget

_SINCE = 32
_OFF = "power off"
_DELETED_WHILE_ON = (State.MANAGEABLE, State.ENROLL, State.ADOPT_FAILED)


def _refuse_change(change: Change) -> None:
    """Refuse to change what a running machine may use; of a move, the new node's machine counts (Ironic's rule)."""
    node = node_after(change)
    if node.power_state != _OFF:
        raise _unless_off("update", change, node)


def _refuse_deletion(change: Change) -> None:
    node = node_after(change)
    if node.power_state != _OFF and node.provision_state not in _DELETED_WHILE_ON:
        raise _unless_off("deletion", change, node)


def _unless_off(action: str, change: Change, node: Node) -> InvalidStateRequested:
    return InvalidStateRequested(
        f'The requested action "{action}" of {change.row.uuid} can not be performed on node "{node.uuid}" while it is in '
        f'state "{node.power_state}"; switch its machine off first'
    )


CONNECTORS = Resource(
    path="volume/connectors",
    kind="volume connector",
    is_sought_first=True,
    table=VolumeConnector,
    fields=(
        *identity(_SINCE),
        Field(name="node_uuid", since=_SINCE, check=values.uuid, is_required=True),
        Field(name="type", since=_SINCE, check=values.text, is_required=True, is_sortable=True),
        Field(
            name="connector_id", since=_SINCE, check=values.text, is_required=True, is_sortable=True
        ),
        Field(name="extra", since=_SINCE, show=as_stored, check=values.object_, default=dict),
        Field(name="links", since=_SINCE, column=None, show=as_links),
    ),
    listed=("uuid", "node_uuid", "type", "connector_id", "links"),
    since=_SINCE,
    detail_since=_SINCE,
    has_detail=False,
    is_of_node=True,
    rules="baremetal:volume",
    filters={"node": Filter(rows=of_node)},
    parents=(BELOW_NODES,),
    on_patch=_refuse_change,
    on_delete=_refuse_deletion,
)

TARGETS = Resource(
    path="volume/targets",
    kind="volume target",
    is_sought_first=True,
    table=VolumeTarget,
    fields=(
        *identity(_SINCE),
        Field(name="node_uuid", since=_SINCE, check=values.uuid, is_required=True),
        Field(
            name="volume_type", since=_SINCE, check=values.text, is_required=True, is_sortable=True
        ),
        Field(
            name="volume_id", since=_SINCE, check=values.text, is_required=True, is_sortable=True
        ),
        Field(
            name="boot_index",
            since=_SINCE,
            check=values.integer,
            is_required=True,
            is_sortable=True,
        ),
        Field(
            name="properties",
            since=_SINCE,
            check=values.object_,
            default=dict,
            show=as_masked,
            seen_by="baremetal:volume:view_target_properties",
            instead={"redacted": "needs the rule baremetal:volume:view_target_properties"},
        ),
        Field(name="extra", since=_SINCE, show=as_stored, check=values.object_, default=dict),
        Field(name="links", since=_SINCE, column=None, show=as_links),
    ),
    listed=("uuid", "node_uuid", "volume_type", "boot_index", "volume_id", "links"),
    since=_SINCE,
    detail_since=_SINCE,
    has_detail=False,
    is_of_node=True,
    rules="baremetal:volume",
    filters={"node": Filter(rows=of_node)},
    parents=(BELOW_NODES,),
    on_patch=_refuse_change,
    on_delete=_refuse_deletion,
)
