"""What rules work on: a copy of a node, its ports and what its inspection found; the node itself is changed when all rules have succeeded.

A rule may set what administrators may set, and nothing that says where the node is in its life. Ironic lets rules set every
attribute, and forgets those that do not exist without a word; here that is a fault.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from agent.protocol.hardware_address import normal_mac
from controller.hardware.interface import INTERFACE_KINDS
from controller.store.identity import is_legal_name
from controller.store.tables import Node, Port
from controller.workflow.inspection_rules.fault import RuleFault

_TEXTS = (
    *("conductor_group", "description", "driver", "instance_name", "lessee", "name", "owner"),
    *("parent_node", "protected_reason", "resource_class", "retired_reason", "shard"),
)
_OBJECTS = ("driver_info", "extra", "instance_info", "network_data", "properties")
_TRUTHS = ("automated_clean", "disable_power_off", "protected", "retired")
_REQUIRED = frozenset({"driver"})
_READABLE = (
    *("uuid", "instance_uuid", "provision_state", "power_state", "driver_internal_info", "fault"),
    *("maintenance", "maintenance_reason", "traits", "boot_mode", "secure_boot", "chassis_uuid"),
)
_PORT_TEXTS = ("category", "description", "name", "physical_network", "vendor")
_PORT_OBJECTS = ("extra", "local_link_connection")
_PORT_TRUTHS = ("is_smartnic", "pxe_enabled")
_PORT_READABLE = ("uuid", "address")
_INTERFACES = tuple(f"{kind}_interface" for kind in INTERFACE_KINDS)
_MOST_CHARS = 255
"""Of a text that has a column of its own, but for ``description``."""
_LONG = frozenset({"description", "protected_reason", "retired_reason"})
_MOST_LONG_CHARS = 4096
_EMPTY: Mapping[str, Callable[[], Any]] = {
    **dict.fromkeys((*_OBJECTS, *_PORT_OBJECTS), dict),
    **dict.fromkeys(("disable_power_off", "protected", "retired", "is_smartnic"), bool),
    "pxe_enabled": lambda: True,
    "conductor_group": str,
}
"""What an attribute has when it is deleted; ``None`` for the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """A node or a port: its attributes, some of which rules may set."""

    kind: str
    values: dict[str, Any]
    """Of every attribute that can be read; the documents among them may be changed."""
    settable: frozenset[str]

    def set(self, name: str, value: Any) -> None:
        """Set an attribute.

        Raises:
            RuleFault: There is none of that name for rules, or the value does not fit.
        """
        self.require(name)
        self.values[name] = _fit(name, value)

    def reset(self, name: str) -> None:
        """Set an attribute to what it has when nobody sets it."""
        self.require(name)
        if name in _REQUIRED:
            raise RuleFault(f"{name} cannot be empty")
        self.values[name] = _EMPTY.get(name, lambda: None)()

    def require(self, name: str) -> None:
        """Refuse an attribute that rules cannot set."""
        if name not in self.settable:
            raise RuleFault(
                f"a {self.kind} has no attribute of that name that a rule may set; it may set {', '.join(sorted(self.settable))}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What rules read and change."""

    node: Thing
    ports: tuple[Thing, ...]
    inventory: Mapping[str, Any]
    plugin_data: dict[str, Any]

    def port(self, ident: Any) -> Thing:
        """Return a port of the node.

        Args:
            ident: Its UUID, or its MAC address.

        Raises:
            RuleFault: The node has no such port.
        """
        known = {str(ident).lower(), normal_mac(str(ident))}
        for port in self.ports:
            if known & {port.values["uuid"], port.values["address"]}:
                return port
        raise RuleFault("the node has no such port; port_id is a port's UUID or MAC address")

    def names(self) -> Mapping[str, Any]:
        """Return what texts may name."""
        return {
            "node": self.node.values,
            "inventory": self.inventory,
            "plugin_data": self.plugin_data,
        }


def subject_of(node: Node, ports: Sequence[Port], found: Mapping[str, Any]) -> Subject:
    """Return a copy of what rules work on; ``found`` is as it is stored: ``inventory`` and ``plugin_data``."""
    settable = (*_TEXTS, *_OBJECTS, *_TRUTHS)
    values = {name: deepcopy(getattr(node, name)) for name in (*settable, *_READABLE)}
    values |= {name: node.interfaces.get(name.removesuffix("_interface")) for name in _INTERFACES}
    return Subject(
        node=Thing(kind="node", values=values, settable=frozenset({*settable, *_INTERFACES})),
        ports=tuple(_port(port) for port in ports),
        inventory=found["inventory"],
        plugin_data=deepcopy(found["plugin_data"]),
    )


def _port(port: Port) -> Thing:
    settable = (*_PORT_TEXTS, *_PORT_OBJECTS, *_PORT_TRUTHS)
    values = {name: deepcopy(getattr(port, name)) for name in (*settable, *_PORT_READABLE)}
    return Thing(kind="port", values=values, settable=frozenset(settable))


def node_changes(node: Node, subject: Subject) -> dict[str, Any]:
    """Return the columns of the node that differ from the copy's."""
    values = subject.node.values
    chosen = {name.removesuffix("_interface"): values[name] for name in _INTERFACES}
    interfaces = {kind: name for kind, name in chosen.items() if name}
    columns = {
        **{name: values[name] for name in (*_TEXTS, *_OBJECTS, *_TRUTHS)},
        "traits": values["traits"] or [],
        "interfaces": interfaces,
    }
    return {name: value for name, value in columns.items() if value != getattr(node, name)}


def port_changes(ports: Sequence[Port], subject: Subject) -> dict[str, dict[str, Any]]:
    """Return the columns of ports that differ from the copies', by UUID."""
    found = {}
    for port, copy in zip(ports, subject.ports, strict=True):
        changed = {
            name: copy.values[name]
            for name in copy.settable
            if copy.values[name] != getattr(port, name)
        }
        found[port.uuid] = changed
    return {uuid: changed for uuid, changed in found.items() if changed}


def _fit(name: str, value: Any) -> Any:
    if name in (*_OBJECTS, *_PORT_OBJECTS):
        if not isinstance(value, dict):
            raise RuleFault(f"{name} must be an object")
        return value
    if name in (*_TRUTHS, *_PORT_TRUTHS):
        return _truth(name, value)
    if value is None and name not in _REQUIRED:
        return _EMPTY.get(name, lambda: None)()
    if not isinstance(value, str | int | float) or isinstance(value, bool) or value == "":
        raise RuleFault(f"{name} must be a text that is not empty")
    if name == "name" and not is_legal_name(str(value)):
        raise RuleFault("name must have letters, digits and the marks . _ ~ - alone")
    text, most = str(value), _MOST_LONG_CHARS if name in _LONG else _MOST_CHARS
    if len(text) > most:
        raise RuleFault(f"{name} may have {most} characters, not {len(text)}")
    return text


def _truth(name: str, value: Any) -> bool | None:
    words = {"true": True, "false": False}
    if isinstance(value, str):
        value = words.get(value.lower())
    elif value is None and name == "automated_clean":
        return None
    if not isinstance(value, bool):
        raise RuleFault(f"{name} must be true or false")
    return value
