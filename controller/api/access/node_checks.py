"""The checks of requests about nodes that look at more than one rule: creation, patch, deletion, provision verbs, children."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from controller.api.access.asking import listed_project, may, require
from controller.api.access.checks import Parameters, seen_node
from controller.api.access.grants import Target
from controller.api.access.sight import see_runbook, target_of
from controller.api.call import Call
from controller.api.nodes.asked import asked_node
from controller.errors import Invalid, NotFound
from controller.hardware.interface import INTERFACE_KINDS

_NODE = "baremetal:node"
_CREATE, _CREATE_OWN = f"{_NODE}:create", f"{_NODE}:create:self_owned_node"
_DELETE, _DELETE_OWN = f"{_NODE}:delete", f"{_NODE}:delete:self_owned_node"
_UPDATE, _DISABLE_CLEANING = f"{_NODE}:update", f"{_NODE}:disable_cleaning"
_PROVISION, _USE_RUNBOOK = f"{_NODE}:set_provision_state", "baremetal:runbook:use"
_INTERFACES = f"{_NODE}:update:driver_interfaces"
FIELD_RULES: Mapping[str, str] = MappingProxyType(
    {
        "extra": f"{_NODE}:update_extra",
        "instance_info": f"{_NODE}:update_instance_info",
        "instance_name": f"{_NODE}:update_instance_info",
        "driver": _INTERFACES,
        **{f"{kind}_interface": _INTERFACES for kind in INTERFACE_KINDS},
        "retired": f"{_NODE}:update:retired",
        "retired_reason": f"{_NODE}:update:retired",
        **{
            name: f"{_NODE}:update:{name}"
            for name in (
                *("driver_info", "properties", "chassis_uuid", "instance_uuid", "lessee", "owner"),
                *("network_data", "conductor_group", "name", "shard", "parent_node"),
                "disable_power_off",
            )
        },
    }
)
"""What a patch of a field asks for; of every other it is ``baremetal:node:update``."""
_FALSE = frozenset({"false", "f", "no", "n", "off", "0"})


@dataclass(frozen=True, slots=True)
class OnAskedNode:
    """A rule about the node that the query names."""

    rule: str

    @property
    def rules(self) -> tuple[str, ...]:
        """The one."""
        return (self.rule,)

    def check(self, call: Call, parameters: Parameters) -> None:  # noqa: ARG002  # as all checks
        """Ask for it, if the principal sees the node."""
        require(call.principal, self.rule, seen_node(call, asked_node(call)))


@dataclass(frozen=True, slots=True)
class NodeCreation:
    """Anybody's node, or, where the setting allows it, one of the own project."""

    rules: tuple[str, ...] = (_CREATE, _CREATE_OWN)

    def check(self, call: Call, parameters: Parameters) -> None:  # noqa: ARG002  # as all checks
        """Ask for it, and refuse another owner; without an owner, ``owner_of_new`` gives one."""
        principal = call.principal
        if not _may_have_own(call) or not may(principal, _CREATE_OWN):
            require(principal, _CREATE)
        if principal.is_system:
            return
        if principal.project is None:
            require(principal, _CREATE)
        body = call.read_json()
        owner = body.get("owner") if isinstance(body, dict) else None
        if owner and owner != principal.project:
            raise Invalid(
                f"{principal.words} can only create nodes of that project, not of {str(owner)[:100]!r}"
            )


@dataclass(frozen=True, slots=True)
class NodePatch:
    """The rules of all fields that the patch names."""

    rules: tuple[str, ...] = (*dict.fromkeys(FIELD_RULES.values()), _DISABLE_CLEANING, _UPDATE)

    def check(self, call: Call, parameters: Parameters) -> None:
        """Ask for each."""
        target = seen_node(call, parameters["ident"])
        for rule in patch_rules(call.read_json()):
            require(call.principal, rule, target)


@dataclass(frozen=True, slots=True)
class NodeDeletion:
    """Anybody's node, or, where the setting allows it, one of the own project."""

    rules: tuple[str, ...] = (_DELETE, _DELETE_OWN)

    def check(self, call: Call, parameters: Parameters) -> None:
        """Ask for it."""
        target = seen_node(call, parameters["ident"])
        if not _may_have_own(call) or not may(call.principal, _DELETE_OWN, target):
            require(call.principal, _DELETE, target)


@dataclass(frozen=True, slots=True)
class Provision:
    """A provision verb: the node, the runbook, and the children that steps name."""

    rules: tuple[str, ...] = (_PROVISION, _USE_RUNBOOK)

    def check(self, call: Call, parameters: Parameters) -> None:
        """Ask for each; a runbook that is hidden is not there."""
        require(call.principal, _PROVISION, seen_node(call, parameters["ident"]))
        body = call.read_json()
        if not isinstance(body, dict):
            return
        for child in _children(body):
            require(call.principal, _PROVISION, _seen_child(call, child))
        if isinstance(body.get("runbook"), str):
            _check_runbook(call, body["runbook"])


@dataclass(frozen=True, slots=True)
class Children:
    """The node, and the list of nodes."""

    rules: tuple[str, ...] = (f"{_NODE}:get", f"{_NODE}:list_all", f"{_NODE}:list")

    def check(self, call: Call, parameters: Parameters) -> None:
        """Ask for both."""
        seen_node(call, parameters["ident"])
        listed_project(call.principal, _NODE)


def patch_rules(document: Any) -> tuple[str, ...]:
    """Return the rules that a JSON patch asks for, each once; pure. One that makes no sense is its handler's business."""
    operations = document if isinstance(document, list) else []
    found = dict.fromkeys(_rule_of(one) for one in operations if isinstance(one, dict))
    return tuple(found) or (_UPDATE,)


def _rule_of(operation: Mapping[str, Any]) -> str:
    name = str(operation.get("path")).strip("/").partition("/")[0]
    if name == "automated_clean" and str(operation.get("value")).strip().lower() in _FALSE:
        return _DISABLE_CLEANING
    return FIELD_RULES.get(name, _UPDATE)


def _children(body: Mapping[str, Any]) -> Iterator[str]:
    for name in ("clean_steps", "deploy_steps", "service_steps"):
        steps = body.get(name)
        for step in steps if isinstance(steps, list) else ():
            limits = step.get("limit_child_node_execution") if isinstance(step, dict) else None
            named = limits if isinstance(limits, list) else []
            yield from (one for one in named if isinstance(one, str))


def _seen_child(call: Call, ident: str) -> Target:
    try:
        return seen_node(call, ident)
    except NotFound as error:  # it is the body that names what is not there
        raise Invalid(str(error)) from error


def _check_runbook(call: Call, ident: str) -> None:
    with call.services.store.read() as session:
        target = target_of(see_runbook(call, session, ident))
    require(call.principal, _USE_RUNBOOK, target)


def _may_have_own(call: Call) -> bool:
    return call.services.settings.project_admin_can_manage_own_nodes
