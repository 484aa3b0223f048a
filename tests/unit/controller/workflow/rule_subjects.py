"""What inspection rules work on in tests."""

from copy import deepcopy
from typing import Any

from controller.store.tables import Node, Port
from controller.workflow.inspection_rules.subject import Subject, subject_of

_NODE: dict[str, Any] = {
    "interfaces": {},
    "conductor_group": "",
    "driver_internal_info": {},
    "instance_info": {},
    "network_data": {},
    "protected": False,
    "retired": False,
    "disable_power_off": False,
    "maintenance": False,
}


def subject_of_case(case: dict[str, Any]) -> Subject:
    """Return the copy that the rules of a case (``rule_families.py``) work on."""
    node = Node(**{**_NODE, **deepcopy(case["node"])})
    ports = [Port(**deepcopy(port)) for port in case["ports"]]
    found = {"inventory": case["inventory"], "plugin_data": case["plugin_data"]}
    return subject_of(node, ports, found)
