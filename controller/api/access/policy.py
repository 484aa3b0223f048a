"""Every rule by its name, and who may do what it is about: Ironic's table with its own names, and ours with ``ingot:``.

Source: Ironic's ``common/policy.py``. Which request asks for which rule says ``guarded.py``; rules of single fields are named by
those who read or change them. A rule of Ironic's that nothing here asks for is not in the table: what is not served, and
``node:get:filter_threshold``, ``node:set_provision_state:clean_steps`` and ``:service_steps``, which say nothing that others do not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from controller.api.access import grants as who
from controller.api.access.grants import Grants

_NODE = "baremetal:node"


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that may be done, and by whom."""

    name: str
    grants: Grants
    what: str
    """What it is about, in words that go on after "may"."""


_NODES = (
    Rule(f"{_NODE}:create", who.NODE_CREATOR, "create nodes"),
    Rule(
        f"{_NODE}:create:self_owned_node",
        who.OWN_NODE_CREATOR,
        "create nodes that belong to their own project",
    ),
    Rule(f"{_NODE}:list", who.API_READER, "list the nodes that their project owns or has leased"),
    Rule(f"{_NODE}:list_all", who.SYSTEM_READER, "list all nodes"),
    Rule(
        f"{_NODE}:get", who.SYSTEM_OR_PROJECT_READER, "see a node; for all others it is not there"
    ),
    Rule(f"{_NODE}:get:last_error", who.SYSTEM_OR_OWNER_READER, "see a node's last_error"),
    Rule(f"{_NODE}:get:reservation", who.SYSTEM_OR_OWNER_READER, "see which controller is at it"),
    Rule(
        f"{_NODE}:get:driver_internal_info",
        who.SYSTEM_OR_OWNER_READER,
        "see a node's driver_internal_info and what is made of it",
    ),
    Rule(f"{_NODE}:get:driver_info", who.SYSTEM_OR_OWNER_READER, "see a node's driver_info"),
    Rule(f"{_NODE}:update", who.SYSTEM_OR_PROJECT_MEMBER, "change fields without a rule of theirs"),
    Rule(f"{_NODE}:update_extra", who.SYSTEM_OR_PROJECT_MEMBER, "change extra"),
    Rule(
        f"{_NODE}:update_instance_info",
        who.OWNER_MEMBER_AND_LESSEE_ADMIN,
        "change instance_info and instance_name",
    ),
    Rule(f"{_NODE}:update:driver_info", who.SYSTEM_OR_OWNER_MEMBER, "change driver_info"),
    Rule(f"{_NODE}:update:properties", who.SYSTEM_OR_OWNER_MEMBER, "change properties"),
    Rule(f"{_NODE}:update:chassis_uuid", who.SYSTEM_ADMIN, "put a node into a chassis"),
    Rule(f"{_NODE}:update:instance_uuid", who.SYSTEM_OR_OWNER_MEMBER, "change instance_uuid"),
    Rule(f"{_NODE}:update:lessee", who.SYSTEM_OR_OWNER_MEMBER, "lease a node to a project"),
    Rule(f"{_NODE}:update:owner", who.SYSTEM_MEMBER, "give a node to a project"),
    Rule(
        f"{_NODE}:update_owner_provisioned",
        who.SYSTEM_ADMIN,
        "give a node to another project while it is active",
    ),
    Rule(
        f"{_NODE}:update:driver_interfaces",
        who.SYSTEM_MEMBER_OR_OWNER_ADMIN,
        "change driver and interfaces",
    ),
    Rule(f"{_NODE}:update:network_data", who.SYSTEM_OR_OWNER_MEMBER, "change network_data"),
    Rule(f"{_NODE}:update:conductor_group", who.SYSTEM_MEMBER, "change conductor_group"),
    Rule(f"{_NODE}:update:name", who.SYSTEM_OR_OWNER_MEMBER, "change a node's name"),
    Rule(f"{_NODE}:update:retired", who.SYSTEM_OR_OWNER_MEMBER, "retire a node"),
    Rule(f"{_NODE}:update:shard", who.SYSTEM_ADMIN, "change shard"),
    Rule(f"{_NODE}:update:parent_node", who.SYSTEM_MEMBER, "give a node a parent"),
    Rule(f"{_NODE}:update:disable_power_off", who.SYSTEM_ADMIN, "change disable_power_off"),
    Rule(f"{_NODE}:disable_cleaning", who.SYSTEM_ADMIN, "switch a node's cleaning off"),
    Rule(f"{_NODE}:delete", who.SYSTEM_ADMIN, "delete nodes"),
    Rule(
        f"{_NODE}:delete:self_owned_node", who.OWNER_ADMIN_ONLY, "delete nodes that are their own"
    ),
)
_NODE_VERBS = (
    Rule(f"{_NODE}:validate", who.OWNER_MEMBER_AND_LESSEE_ADMIN, "validate a node"),
    Rule(
        f"{_NODE}:set_maintenance", who.OWNER_MEMBER_AND_LESSEE_ADMIN, "put a node into maintenance"
    ),
    Rule(f"{_NODE}:clear_maintenance", who.OWNER_MEMBER_AND_LESSEE_ADMIN, "end its maintenance"),
    Rule(f"{_NODE}:get_boot_device", who.SYSTEM_MEMBER_OR_OWNER_ADMIN, "see the boot device"),
    Rule(f"{_NODE}:set_boot_device", who.SYSTEM_MEMBER_OR_OWNER_ADMIN, "set the boot device"),
    Rule(f"{_NODE}:get_indicator_state", who.SYSTEM_OR_PROJECT_READER, "see the lamps"),
    Rule(f"{_NODE}:set_indicator_state", who.SYSTEM_OR_OWNER_MEMBER, "switch the lamps"),
    Rule(f"{_NODE}:inject_nmi", who.SYSTEM_MEMBER_OR_OWNER_ADMIN, "send an NMI"),
    Rule(f"{_NODE}:get_states", who.SYSTEM_OR_PROJECT_READER, "see the states"),
    Rule(f"{_NODE}:set_power_state", who.SYSTEM_OR_PROJECT_MEMBER, "switch the power"),
    Rule(f"{_NODE}:set_boot_mode", who.SYSTEM_OR_PROJECT_MEMBER, "set the boot mode"),
    Rule(f"{_NODE}:set_secure_boot", who.SYSTEM_OR_PROJECT_MEMBER, "switch Secure Boot"),
    Rule(
        f"{_NODE}:set_provision_state",
        who.OWNER_MEMBER_AND_LESSEE_ADMIN,
        "deploy, clean, inspect it, or use another provision verb",
    ),
    Rule(f"{_NODE}:set_raid_state", who.SYSTEM_OR_OWNER_MEMBER, "set the wanted RAID"),
    Rule(f"{_NODE}:get_console", who.SYSTEM_OR_OWNER_MEMBER, "reach the console"),
    Rule(f"{_NODE}:set_console_state", who.SYSTEM_OR_OWNER_MEMBER, "switch the console"),
    Rule(f"{_NODE}:vendor_passthru", who.SYSTEM_ADMIN, "call vendor methods of nodes"),
)
_NODE_PARTS = (
    Rule(f"{_NODE}:vif:list", who.SYSTEM_OR_PROJECT_READER, "see the VIFs"),
    Rule(f"{_NODE}:vif:attach", who.OWNER_MEMBER_AND_LESSEE_ADMIN, "attach VIFs"),
    Rule(f"{_NODE}:vif:detach", who.OWNER_MEMBER_AND_LESSEE_ADMIN, "detach VIFs"),
    Rule(f"{_NODE}:traits:list", who.SYSTEM_OR_PROJECT_READER, "see the traits"),
    Rule(f"{_NODE}:traits:set", who.SYSTEM_MEMBER_OR_OWNER_ADMIN, "set traits"),
    Rule(f"{_NODE}:traits:delete", who.SYSTEM_MEMBER_OR_OWNER_ADMIN, "remove traits"),
    Rule(f"{_NODE}:bios:get", who.SYSTEM_OR_PROJECT_READER, "see the BIOS settings"),
    Rule(f"{_NODE}:firmware:get", who.SYSTEM_OR_PROJECT_READER, "see the firmware"),
    Rule(f"{_NODE}:history:get", who.SYSTEM_OR_OWNER_READER, "read the history"),
    Rule(f"{_NODE}:inventory:get", who.SYSTEM_OR_OWNER_READER, "read the inventory"),
    Rule(f"{_NODE}:vmedia:get", who.SYSTEM_OR_PROJECT_READER, "see the virtual drives"),
    Rule(f"{_NODE}:vmedia:attach", who.SYSTEM_OR_PROJECT_MEMBER, "put media into virtual drives"),
    Rule(f"{_NODE}:vmedia:detach", who.SYSTEM_OR_PROJECT_MEMBER, "empty virtual drives"),
    Rule("ingot:node:sensors:get", who.SYSTEM_OR_OWNER_READER, "read the sensors"),
    Rule("ingot:node:bmc_log:get", who.SYSTEM_OR_OWNER_READER, "read the log of the BMC"),
    Rule("ingot:node:bmc_log:clear", who.SYSTEM_OR_OWNER_MEMBER, "clear the log of the BMC"),
    Rule(
        "ingot:node:certificates:get", who.SYSTEM_OR_OWNER_READER, "read sanitization certificates"
    ),
)


def _items(name: str, plural: str, update: Grants, create: Grants, delete: Grants) -> list[Rule]:
    """Return the rules of things that belong to nodes."""
    return [
        Rule(f"{name}:get", who.SYSTEM_OR_PROJECT_READER, f"see {plural}"),
        Rule(f"{name}:list", who.API_READER, f"list the {plural} of their project's nodes"),
        Rule(f"{name}:list_all", who.SYSTEM_READER, f"list all {plural}"),
        Rule(f"{name}:create", create, f"create {plural}"),
        Rule(f"{name}:update", update, f"change {plural}"),
        Rule(f"{name}:delete", delete, f"delete {plural}"),
    ]


def _of_system(name: str, plural: str, update: Grants = who.SYSTEM_ADMIN) -> list[Rule]:
    """Return the rules of things that belong to no project."""
    return [
        Rule(f"{name}:get", who.SYSTEM_READER, f"see {plural}"),
        Rule(f"{name}:create", who.SYSTEM_ADMIN, f"create {plural}"),
        Rule(f"{name}:update", update, f"change {plural}"),
        Rule(f"{name}:delete", who.SYSTEM_ADMIN, f"delete {plural}"),
    ]


_BELOW_NODES = (
    *_items(
        "baremetal:port",
        "ports",
        who.SYSTEM_MEMBER_OR_OWNER_ADMIN,
        who.SYSTEM_ADMIN_OR_OWNER_ADMIN,
        who.SYSTEM_ADMIN_OR_OWNER_ADMIN,
    ),
    *_items(
        "baremetal:portgroup",
        "port groups",
        who.SYSTEM_MEMBER_OR_OWNER_ADMIN,
        who.SYSTEM_ADMIN_OR_OWNER_ADMIN,
        who.SYSTEM_ADMIN_OR_OWNER_ADMIN,
    ),
    *_items(
        "baremetal:volume",
        "volume connectors and targets",
        who.OWNER_MEMBER_AND_LESSEE_ADMIN,
        who.OWNER_AND_LESSEE_ADMIN,
        who.OWNER_AND_LESSEE_ADMIN,
    ),
    Rule(
        "baremetal:volume:view_target_properties",
        who.TARGET_PROPERTIES_READER,
        "see the properties of volume targets",
    ),
)
_SYSTEM = (
    *_of_system("baremetal:chassis", "chassis", update=who.SYSTEM_MEMBER),
    *_of_system("baremetal:deploy_template", "deploy templates"),
    *_of_system("baremetal:inspection_rule", "inspection rules"),
    Rule("ingot:image:get", who.API_READER, "see the registered images"),
    Rule("ingot:image:create", who.SYSTEM_ADMIN, "register and upload images"),
    Rule("ingot:image:update", who.SYSTEM_ADMIN, "change registered images"),
    Rule("ingot:image:delete", who.SYSTEM_ADMIN, "delete registered images"),
    Rule("baremetal:driver:get", who.SYSTEM_READER, "see the drivers"),
    Rule("baremetal:driver:get_properties", who.SYSTEM_READER, "see what driver_info may have"),
    Rule(
        "baremetal:driver:get_raid_logical_disk_properties",
        who.SYSTEM_READER,
        "see what may be said of RAID disks",
    ),
    Rule("baremetal:driver:vendor_passthru", who.SYSTEM_ADMIN, "see vendor methods of drivers"),
    Rule("baremetal:conductor:get", who.SYSTEM_READER, "see the controllers"),
    Rule("baremetal:events:post", who.SYSTEM_ADMIN, "say what happened to ports in a network"),
    Rule("baremetal:shards:get", who.SYSTEM_READER, "see the shards"),
    Rule("ingot:certificate_keys:get", who.API_READER, "see the keys that sign certificates"),
)
_ALLOCATIONS = (
    Rule(
        "baremetal:allocation:get",
        who.ALLOCATION_READER,
        "see an allocation; for all others it is not there",
    ),
    Rule("baremetal:allocation:list", who.API_READER, "list the allocations of their project"),
    Rule("baremetal:allocation:list_all", who.SYSTEM_READER, "list all allocations"),
    Rule("baremetal:allocation:create", who.ALLOCATION_CREATOR, "ask for a node"),
    Rule(
        "baremetal:allocation:create_restricted",
        who.SYSTEM_MEMBER,
        "ask for a node in another project's name",
    ),
    Rule("baremetal:allocation:update", who.ALLOCATION_MEMBER, "change an allocation"),
    Rule("baremetal:allocation:delete", who.ALLOCATION_MEMBER, "give a node back"),
)
_RUNBOOKS = (
    Rule("baremetal:runbook:get", who.RUNBOOK_READER, "see a runbook; public ones see all readers"),
    Rule("baremetal:runbook:list", who.API_READER, "list public runbooks and their project's"),
    Rule("baremetal:runbook:list_all", who.SYSTEM_READER, "list all runbooks"),
    Rule("baremetal:runbook:create", who.RUNBOOK_CREATOR, "create a runbook of their project"),
    Rule("baremetal:runbook:update", who.RUNBOOK_ADMIN, "change a runbook and its traits"),
    Rule("baremetal:runbook:update:owner", who.SYSTEM_MEMBER, "give a runbook to a project"),
    Rule("baremetal:runbook:update:public", who.SYSTEM_MEMBER, "make a runbook public"),
    Rule("baremetal:runbook:delete", who.RUNBOOK_ADMIN, "delete a runbook"),
    Rule("baremetal:runbook:use", who.RUNBOOK_ADMIN, "clean or service a node by a runbook"),
)

TABLE = (*_NODES, *_NODE_VERBS, *_NODE_PARTS, *_BELOW_NODES, *_ALLOCATIONS, *_RUNBOOKS, *_SYSTEM)
"""All rules, in the order of the reference page."""
RULES: Mapping[str, Rule] = MappingProxyType({rule.name: rule for rule in TABLE})
"""The same by name."""
