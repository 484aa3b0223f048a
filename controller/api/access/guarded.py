"""Which request asks for which rule: one line for each route. A route without a line ends the start.

What is not in Ironic's API: ``/openapi.json``, certificates and their keys, sensors and the log of
a node's BMC. The web page and boot files are no routes of the
API; ``auth.py`` says who gets them.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from controller.api.access.checks import (
    Access,
    Free,
    Lists,
    NewOnNode,
    OnItem,
    OnNode,
    Plain,
)
from controller.api.access.node_checks import (
    Children,
    NodeCreation,
    NodeDeletion,
    NodePatch,
    OnAskedNode,
    Provision,
)
from controller.api.access.owned_checks import (
    AllocationCreation,
    OnAllocation,
    OnAllocationOfNode,
    OnRunbook,
    RunbookCreation,
    RunbookPatch,
)
from controller.api.access.policy import RULES
from controller.api.access.sight import NODE_GET
from controller.api.nodes.fields import NODES
from controller.api.resource.description import Resource
from controller.api.resources.allocations import ALLOCATIONS
from controller.api.resources.portgroups import PORTGROUPS
from controller.api.resources.ports import PORTS
from controller.api.resources.runbooks import RUNBOOKS
from controller.api.resources.volumes import CONNECTORS, TARGETS
from controller.api.route import Route

Key = tuple[str, str]
"""Method and path of a route."""
Lines = Iterator[tuple[Key, Access]]

_ALL_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_FREE = (
    ("GET", "/"),
    ("GET", "/v1"),
    ("GET", "/healthcheck"),
    ("GET", "/openapi.json"),
    ("GET", "/v1/lookup"),
    ("POST", "/v1/heartbeat/<ident>"),
    ("POST", "/v1/continue_inspection"),
)
"""Without a rule: everybody, or (``/openapi.json``) everybody who has logged in."""
_ON_NODE = (
    ("GET", "/states", "get_states"),
    ("PUT", "/states/power", "set_power_state"),
    ("PUT", "/states/raid", "set_raid_state"),
    ("PUT", "/states/boot_mode", "set_boot_mode"),
    ("PUT", "/states/secure_boot", "set_secure_boot"),
    ("GET", "/states/console", "get_console"),
    ("PUT", "/states/console", "set_console_state"),
    ("GET", "/console", "get_console"),
    ("GET", "/console/output", "get_console"),
    ("GET", "/console/log", "get_console"),
    ("PUT", "/console/keyboard", "set_console_state"),
    ("DELETE", "/console/keyboard", "set_console_state"),
    ("POST", "/console/input", "set_console_state"),
    ("GET", "/validate", "validate"),
    ("PUT", "/maintenance", "set_maintenance"),
    ("DELETE", "/maintenance", "clear_maintenance"),
    ("GET", "/management/boot_device", "get_boot_device"),
    ("PUT", "/management/boot_device", "set_boot_device"),
    ("GET", "/management/boot_device/supported", "get_boot_device"),
    ("PUT", "/management/inject_nmi", "inject_nmi"),
    ("GET", "/management/indicators", "get_indicator_state"),
    ("GET", "/management/indicators/<indicator>", "get_indicator_state"),
    ("PUT", "/management/indicators/<indicator>", "set_indicator_state"),
    ("GET", "/traits", "traits:list"),
    ("PUT", "/traits", "traits:set"),
    ("DELETE", "/traits", "traits:delete"),
    ("PUT", "/traits/<trait>", "traits:set"),
    ("DELETE", "/traits/<trait>", "traits:delete"),
    ("GET", "/vifs", "vif:list"),
    ("POST", "/vifs", "vif:attach"),
    ("DELETE", "/vifs/<vif>", "vif:detach"),
    ("GET", "/history", "history:get"),
    ("GET", "/history/<event>", "history:get"),
    ("GET", "/inventory", "inventory:get"),
    ("GET", "/bios", "bios:get"),
    ("GET", "/bios/<setting>", "bios:get"),
    ("GET", "/firmware", "firmware:get"),
    ("GET", "/vmedia", "vmedia:get"),
    ("POST", "/vmedia", "vmedia:attach"),
    ("DELETE", "/vmedia", "vmedia:detach"),
    ("GET", "/vendor_passthru/methods", "vendor_passthru"),
    *(
        (method, f"/vendor_passthru{below}", "vendor_passthru")
        for below in ("", "/<name>")
        for method in _ALL_METHODS
    ),
)
"""Below ``/v1/nodes/<ident>``; the rules begin with ``baremetal:node:``."""
_OURS_ON_NODE = (
    ("GET", "/sensors", "sensors:get"),
    ("GET", "/bmc_log", "bmc_log:get"),
    ("DELETE", "/bmc_log", "bmc_log:clear"),
)
_CERTIFICATES = ("", "/<certificate>", "/<certificate>/page")
_OTHERS: Mapping[Key, Access] = MappingProxyType(
    {
        ("POST", "/v1/nodes"): NodeCreation(),
        ("GET", "/v1/nodes/<ident>"): OnNode(NODE_GET),
        ("PATCH", "/v1/nodes/<ident>"): NodePatch(),
        ("DELETE", "/v1/nodes/<ident>"): NodeDeletion(),
        ("PUT", "/v1/nodes/<ident>/states/provision"): Provision(),
        ("GET", "/v1/nodes/validate"): OnAskedNode("baremetal:node:validate"),
        ("GET", "/v1/nodes/<ident>/children"): Children(),
        ("GET", "/v1/nodes/<ident>/volume"): Plain("baremetal:volume:get"),
        ("GET", "/v1/nodes/<ident>/allocation"): OnAllocationOfNode("baremetal:allocation:get"),
        ("DELETE", "/v1/nodes/<ident>/allocation"): OnAllocationOfNode(
            "baremetal:allocation:delete"
        ),
        ("GET", "/v1/allocations"): Lists(ALLOCATIONS),
        ("POST", "/v1/allocations"): AllocationCreation(),
        ("GET", "/v1/allocations/<ident>"): OnAllocation("baremetal:allocation:get"),
        ("PATCH", "/v1/allocations/<ident>"): OnAllocation("baremetal:allocation:update"),
        ("DELETE", "/v1/allocations/<ident>"): OnAllocation("baremetal:allocation:delete"),
        ("GET", "/v1/runbooks"): Lists(RUNBOOKS),
        ("POST", "/v1/runbooks"): RunbookCreation(),
        ("GET", "/v1/runbooks/<ident>"): OnRunbook("baremetal:runbook:get", is_public_enough=True),
        ("PATCH", "/v1/runbooks/<ident>"): RunbookPatch(),
        ("DELETE", "/v1/runbooks/<ident>"): OnRunbook("baremetal:runbook:delete"),
        ("GET", "/v1/runbooks/<ident>/traits"): OnRunbook("baremetal:runbook:get"),
        **{
            (method, f"/v1/runbooks/<ident>/traits{below}"): OnRunbook("baremetal:runbook:update")
            for below in ("", "/<trait>")
            for method in ("PUT", "DELETE")
        },
        ("DELETE", "/v1/inspection_rules"): Plain("baremetal:inspection_rule:delete"),
        ("GET", "/v1/notifications"): Lists(NODES),
        ("GET", "/v1/notifications/stream"): Lists(NODES),
        ("GET", "/metrics"): Plain("baremetal:conductor:get"),
        ("GET", "/v1/drivers"): Plain("baremetal:driver:get"),
        ("GET", "/v1/drivers/<name>"): Plain("baremetal:driver:get"),
        ("GET", "/v1/drivers/<name>/properties"): Plain("baremetal:driver:get_properties"),
        ("GET", "/v1/drivers/<name>/raid/logical_disk_properties"): Plain(
            "baremetal:driver:get_raid_logical_disk_properties"
        ),
        ("GET", "/v1/drivers/<name>/vendor_passthru/methods"): Plain(
            "baremetal:driver:vendor_passthru"
        ),
        **{
            (method, f"/v1/drivers/<name>/vendor_passthru{below}"): Plain(
                "baremetal:driver:vendor_passthru"
            )
            for below in ("", "/<method>")
            for method in _ALL_METHODS
        },
        ("POST", "/v1/events"): Plain("baremetal:events:post"),
        ("GET", "/v1/shards"): Plain("baremetal:shards:get"),
        ("GET", "/v1/volume"): Plain("baremetal:volume:get"),
        ("GET", "/v1/certificate_keys"): Plain("ingot:certificate_keys:get"),
    }
)


def _lists(place: str, access: Access) -> Lines:
    yield ("GET", place), access
    yield ("GET", f"{place}/detail"), access


def _of_nodes() -> Lines:
    yield from _lists("/v1/nodes", Lists(NODES))
    yield from _lists("/v1/chassis/<ident>/nodes", Lists(NODES))
    for method, below, rule in _ON_NODE:
        yield (method, f"/v1/nodes/<ident>{below}"), OnNode(f"baremetal:node:{rule}")
    for method, below, rule in _OURS_ON_NODE:
        yield (method, f"/v1/nodes/<ident>{below}"), OnNode(f"ingot:node:{rule}")
    for below in _CERTIFICATES:
        path = f"/v1/nodes/<ident>/certificates{below}"
        yield ("GET", path), OnNode("ingot:node:certificates:get")


def _below_nodes(resource: Resource) -> Lines:
    """Give the lines of things that belong to nodes."""
    path, kind = f"/v1/{resource.path}", resource.rules
    yield from _lists(path, Lists(resource))
    yield from _lists(f"/v1/nodes/<ident>/{resource.path}", Lists(resource, is_below_node=True))
    yield ("POST", path), NewOnNode(f"{kind}:create")
    for method, what in (("GET", "get"), ("PATCH", "update"), ("DELETE", "delete")):
        yield (method, f"{path}/<ident>"), OnItem(resource, f"{kind}:{what}")


def _of_system(path: str, kind: str) -> Lines:
    """Give the lines of things that belong to no project."""
    yield from _lists(f"/v1/{path}", Plain(f"{kind}:get"))
    yield ("POST", f"/v1/{path}"), Plain(f"{kind}:create")
    for method, what in (("GET", "get"), ("PATCH", "update"), ("DELETE", "delete")):
        yield (method, f"/v1/{path}/<ident>"), Plain(f"{kind}:{what}")


def _lines() -> Lines:
    yield from ((key, Free()) for key in _FREE)
    yield from _of_nodes()
    yield from _OTHERS.items()
    for resource in (PORTS, PORTGROUPS, CONNECTORS, TARGETS):
        yield from _below_nodes(resource)
    yield from _lists("/v1/portgroups/<ident>/ports", Lists(PORTS, parent=PORTGROUPS))
    yield from _of_system("chassis", "baremetal:chassis")
    yield from _of_system("deploy_templates", "baremetal:deploy_template")
    yield from _of_system("inspection_rules", "baremetal:inspection_rule")
    yield from _of_system("images", "ingot:image")
    yield ("PUT", "/v1/images/<ident>/file"), Plain("ingot:image:create")
    yield from _lists("/v1/conductors", Plain("baremetal:conductor:get"))
    yield ("GET", "/v1/conductors/<ident>"), Plain("baremetal:conductor:get")


GUARDED: Mapping[Key, Access] = MappingProxyType(dict(_lines()))
"""The check of each route, also of lists with details that some resources have not."""


def check_of(route: Route) -> Access:
    """Return what a route asks for.

    Raises:
        LookupError: Nobody has said.
    """
    found = GUARDED.get((route.method, route.path))
    if found is None:
        raise LookupError(
            f"{route.method} {route.path} has no line in controller/api/access/guarded.py: say which rule it asks for"
        )
    return found


def check_rules(routes: Iterable[Route]) -> None:
    """Refuse a table of rules that has one that nothing asks for, and a route that asks for one that is not there.

    Raises:
        LookupError: Says which.
    """
    asked = {rule for route in routes for rule in check_of(route).rules}
    if unknown := sorted(asked - set(RULES)):
        raise LookupError(f"controller/api/access/policy.py has no rule {', '.join(unknown)}")
