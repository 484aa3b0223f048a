"""How the fields of a node are shown that are not simply a column."""

from operator import attrgetter
from typing import Any

from agent.protocol.masking import masked
from agent.protocol.secret_names import MASK
from controller.api.call import Call
from controller.api.nodes.status import status_text
from controller.api.replies import iso_date
from controller.api.resource.description import Field, Getter, Resource
from controller.hardware.types import HardwareType
from controller.states import State

STATUS_COLUMNS = (
    *("stage", "stage_started_at", "stage_deadline_at", "progress", "last_error"),
    *("maintenance", "provision_state"),
)
"""What ``as_status`` reads."""
_AVAILABLE_SINCE = 2
INTERFACE_COLUMNS = ("driver", "interfaces")
"""What ``as_interface`` reads."""


def as_interface(call: Call, _resource: Resource, one: Field) -> Getter:
    """Show the interface that the node has: its choice or the hardware type's default."""
    kind, types = one.name.removesuffix("_interface"), call.services.catalog.types
    return lambda row: _chosen(types.get(row.driver), row.interfaces, kind)


def as_provision_state(call: Call, _resource: Resource, one: Field) -> Getter:
    """Show the state; before 1.2 an available node had none (Ironic's ``NOSTATE``)."""
    read = attrgetter(one.source or one.name)
    if call.minor >= _AVAILABLE_SINCE:
        return read
    return lambda row: None if (state := read(row)) == State.AVAILABLE else state


def as_instance_info(_call: Call, _resource: Resource, _one: Field) -> Getter:
    """Show what the instance shall be, with its secrets masked; of a config drive, that there is one."""
    return _instance_info


def as_deadline(call: Call, _resource: Resource, one: Field) -> Getter:
    """Show a time of the steady clock as a date."""
    to_wall = call.services.store.steady.to_wall
    read = attrgetter(one.source or one.name)

    def get(row: Any) -> str | None:
        steady = read(row)
        return None if steady is None else iso_date(to_wall(steady))

    return get


def as_status(call: Call, _resource: Resource, _one: Field) -> Getter:
    """Show in one line what goes on."""
    now, steady = call.services.clock(), call.services.steady()
    return lambda row: status_text(row, now, steady)


def as_internal(_call: Call, _resource: Resource, one: Field) -> Getter:
    """Show one key of ``driver_internal_info``."""
    name = one.name
    return lambda row: (row.driver_internal_info or {}).get(name)


def _chosen(
    hardware_type: HardwareType | None, chosen: dict[str, Any] | None, kind: str
) -> str | None:
    choice = (chosen or {}).get(kind)
    if choice is not None:
        return str(choice)
    return hardware_type.supports[kind][0] if hardware_type else None


def _instance_info(row: Any) -> dict[str, Any]:
    shown = masked(row.instance_info or {})
    if row.config_drive:
        shown["configdrive"] = MASK
    return shown
