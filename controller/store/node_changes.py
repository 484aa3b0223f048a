"""What a transaction means for whoever is to be notified of nodes. Pure, but for reading the rows' attributes.

Names as Ironic's (``doc/source/admin/notifications.rst``). What is done in the transaction that tells of it has no ``start``: only
what takes time has (a power order, a way through the state table).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.states import FAILED, STABLE, Event, State
from controller.store.node_payload import node_payload
from controller.store.notifications import Made
from controller.store.tables import Node

Interfaces = Callable[[Node], Mapping[str, str | None]]
"""Returns a node's interfaces by kind."""
_UPDATED = frozenset(
    {
        *("automated_clean", "chassis_uuid", "conductor_group", "description", "disable_power_off"),
        *("driver", "driver_info", "extra", "instance_info", "instance_name", "instance_uuid"),
        *("interfaces", "lessee", "name", "network_data", "owner", "parent_node", "properties"),
        *("protected", "protected_reason", "resource_class", "retired", "retired_reason", "shard"),
        *("target_raid_config", "traits"),
    }
)
"""Columns that people set."""
WATCHED = _UPDATED | {
    *("power_state", "target_power_state", "maintenance", "maintenance_reason"),
    *("console_enabled", "health"),
}
_RESTS = STABLE | FAILED
_NODE = "baremetal.node"
_STATUSES = {
    "create": ("end",),
    "update": ("end",),
    "delete": ("end",),
    "provision_set": ("start", "success", "end", "error"),
    "power_set": ("start", "end", "error"),
    "power_state_corrected": ("success",),
    "maintenance_set": ("end",),
    "console_set": ("end",),
    "health_set": ("success",),
}
EVENT_TYPES = tuple(f"{_NODE}.{action}.{one}" for action, all_ in _STATUSES.items() for one in all_)
"""All that is told."""
_WORDS = {"reset": "rebooting"}
"""Ironic's words for what a BMC is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionStep:
    """One step of the state table."""

    event: Event
    before: State
    target_before: str | None
    after: State
    target_after: str | None


@dataclass(slots=True)
class NodeChange:
    """What becomes of one node in a transaction."""

    node: Node
    before: dict[str, Any] = field(default_factory=dict)
    """Values of ``WATCHED`` columns before the first change."""
    steps: list[ProvisionStep] = field(default_factory=list)
    ordered: list[str] = field(default_factory=list)
    """What a workflow has told the BMC to do."""
    is_new: bool = False
    is_gone: bool = False
    is_look: bool = False
    """Nobody ordered it: it was found so."""

    def changed(self, *names: str) -> bool:
        """Say whether one of these columns has another value now."""
        return any(
            name in self.before and self.before[name] != getattr(self.node, name) for name in names
        )


def notifications_of(change: NodeChange, interfaces: Interfaces) -> Iterator[Made]:
    """Give what is to be told of a change, in its order."""
    node = change.node
    for one in _told(change):
        priority = "error" if one.status == "error" else "info"
        yield Made(
            event_type=f"{_NODE}.{one.action}.{one.status}",
            priority=priority,
            node_uuid=node.uuid,
            owner=node.owner,
            lessee=node.lessee,
            payload=node_payload(node, one.kind, interfaces(node), one.more),
        )


@dataclass(frozen=True, slots=True)
class _Told:
    action: str
    status: str
    kind: str = "NodePayload"
    more: Mapping[str, Any] = field(default_factory=dict)


def _told(change: NodeChange) -> Iterator[_Told]:
    chassis = {"chassis_uuid": change.node.chassis_uuid}
    if change.is_new and change.is_gone:
        return
    if change.is_gone:
        yield _Told("delete", "end", "NodeCRUDPayload", chassis)
        return
    if change.is_new:
        yield _Told("create", "end", "NodeCRUDPayload", chassis)
        return
    if change.changed(*_UPDATED):
        yield _Told("update", "end", "NodeCRUDPayload", chassis)
    yield from map(_of_step, change.steps)
    yield from _of_power(change)
    if change.changed("maintenance", "maintenance_reason"):
        yield _Told("maintenance_set", "end")
    if change.changed("console_enabled"):
        yield _Told("console_set", "end")
    if change.changed("health"):
        health = {"health": change.node.health, "from_health": change.before["health"]}
        yield _Told("health_set", "success", "NodeHealthPayload", health)


def _of_step(step: ProvisionStep) -> _Told:
    rested, rests = step.before in _RESTS, step.after in _RESTS
    if step.event is Event.FAIL:
        status = "error"
    elif rested == rests:
        status = "success"
    else:
        status = "end" if rests else "start"
    more = {
        "event": str(step.event),
        "previous_provision_state": str(step.before),
        "previous_target_provision_state": step.target_before,
        "provision_state": str(step.after),
        "target_provision_state": step.target_after,
    }
    return _Told("provision_set", status, "NodeSetProvisionStatePayload", more)


def _of_power(change: NodeChange) -> Iterator[_Told]:
    """Give what a person's order came to, or a workflow's, or what was found."""
    node, before = change.node, change.before
    if change.changed("target_power_state"):
        wanted, was_wanted = node.target_power_state, before["target_power_state"]
        if wanted is not None:
            yield _power_set("start", wanted)
        else:
            yield _power_set("end" if node.power_state == was_wanted else "error", was_wanted)
        return
    is_changed, was_on = change.changed("power_state"), before.get("power_state")
    # What a workflow finds when it gives its order was so before.
    is_found = change.is_look or was_on is None or bool(change.ordered)
    if is_changed and is_found:
        more = {"from_power": was_on}
        yield _Told("power_state_corrected", "success", "NodeCorrectedPowerStatePayload", more)
    if node.target_power_state is not None or change.is_look:
        return
    yield from (_power_set("start", _WORDS.get(one, one)) for one in change.ordered)
    if is_changed and not is_found:
        yield _power_set("end", node.power_state)


def _power_set(status: str, to_power: str | None) -> _Told:
    return _Told("power_set", status, "NodeSetPowerStatePayload", {"to_power": to_power})
