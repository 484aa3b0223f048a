"""How the fields of a node are shown that are not simply a column."""

from collections.abc import Mapping
from functools import partial
from operator import attrgetter
from typing import Any

import msgspec

from agent.protocol.masking import masked
from agent.protocol.secret_names import MASK
from controller.api.call import Call
from controller.api.nodes.status import Doing, status_text
from controller.api.replies import iso_date
from controller.api.resource.description import Resource
from controller.api.resource.field import Field, Getter, OfColumn, OfColumns, Part
from controller.api.resource.shapes import ASKS_NOTHING, TAKES_TEXT
from controller.hardware.interface import INTERFACE_KINDS
from controller.hardware.types import HardwareType
from controller.states import State
from controller.store.json_text import json_value

STATUS_COLUMNS = Doing._fields
"""What ``as_status`` reads."""
_AVAILABLE_SINCE = 2
_INTERFACES = "interfaces"
INTERFACE_COLUMNS = ("driver", "interfaces_text")
"""What ``as_interface`` reads."""


def as_interface(call: Call, _resource: Resource, one: Field) -> Getter:
    """Show the interface that the node has: its choice or the hardware type's default. Most nodes of a list have the same."""
    whole = call.shared.get(_INTERFACES)
    if whole is None:
        make = partial(_interfaces_of, call.services.catalog.types, {})
        whole = call.shared[_INTERFACES] = OfColumns(INTERFACE_COLUMNS, make)
    return Part(_INTERFACES, whole, one.name)


def as_provision_state(call: Call, _resource: Resource, one: Field) -> Getter:
    """Show the state; before 1.2 an available node had none (Ironic's ``NOSTATE``)."""
    read = attrgetter(one.source or one.name)
    if call.minor >= _AVAILABLE_SINCE:
        return read
    return lambda row: None if (state := read(row)) == State.AVAILABLE else state


def as_instance_info(_call: Call, _resource: Resource, _one: Field) -> Getter:
    """Show what the instance shall be, with its secrets masked; of a config drive, that there is one."""
    return _INSTANCE_INFO


def as_deadline(call: Call, _resource: Resource, one: Field) -> Getter:
    """Show a time of the steady clock as a date."""
    to_wall = call.services.store.steady.to_wall
    return OfColumn(one.source or one.name, lambda steady: iso_date(to_wall(steady)))


def as_status(call: Call, _resource: Resource, _one: Field) -> Getter:
    """Show in one line what goes on."""
    now, steady = call.services.clock(), call.services.steady()
    return OfColumns(STATUS_COLUMNS, lambda *values: status_text(Doing(*values), now, steady))


def as_internal(_call: Call, _resource: Resource, one: Field) -> Getter:
    """Show one key of ``driver_internal_info``."""
    return OfColumns((str(one.source),), partial(_one_of, one.name))


TAKES_TEXT.update((as_instance_info, as_internal))
ASKS_NOTHING.update((as_instance_info, as_internal))


def _one_of(name: str, info: Any) -> Any:
    if isinstance(info, msgspec.Raw):
        if f'"{name}"'.encode() not in bytes(info):
            return None
        info = msgspec.json.decode(info)
    return (info or {}).get(name)


def _interfaces_of(
    types: Mapping[str, HardwareType],
    made: dict[Any, Mapping[str, Any]],
    driver: str,
    interfaces_text: str | None,
) -> Mapping[str, Any]:
    """Return the fields of a row's interfaces; ``made`` are those of the rows before."""
    key = (driver, interfaces_text)
    if key not in made:
        made[key] = _interfaces(types.get(driver), json_value(interfaces_text or "{}"))
    return made[key]


def _interfaces(
    hardware_type: HardwareType | None, chosen: Mapping[str, Any] | None
) -> dict[str, str | None]:
    names = {
        kind: hardware_type.supports[kind][0] if hardware_type else None for kind in INTERFACE_KINDS
    }
    names |= {kind: str(name) for kind, name in (chosen or {}).items() if name is not None}
    return {f"{kind}_interface": name for kind, name in names.items()}


def _instance_info(stored: Any, has_config_drive: bool) -> Any:
    info = stored or {}
    if not has_config_drive:
        return info if isinstance(info, msgspec.Raw) else masked(info)
    whole = msgspec.json.decode(info) if isinstance(info, msgspec.Raw) else info
    return masked(whole) | {"configdrive": MASK}


_INSTANCE_INFO = OfColumns(("instance_info", "has_config_drive"), _instance_info)
