"""Generated results of inspections, seen by our hooks and by real Ironic's: the same properties, ports and plugin data.

Different on purpose, and made alike here: a machine without a root disk keeps its ``local_gb``, and MAC addresses are always in lower case.
"""

import json
import os
from typing import Any

from controller.errors import StepFailed
from controller.settings import Settings
from controller.workflow.findings import read_findings
from controller.workflow.inspection_hooks.disks import serials
from controller.workflow.inspection_hooks.hook import PortFacts, Seen
from controller.workflow.inspection_hooks.loading import hooks_of
from controller.workflow.machine import capabilities
from tests.integration.ironics_own import NEEDS_IRONIC, answers
from tests.unit.controller.workflow.hook_cases import cases

pytestmark = [*NEEDS_IRONIC]
_SEED = int(os.environ.get("INGOT_HOOKS_SEED", "10"))
_COUNT = int(os.environ.get("INGOT_HOOKS_COUNT", "2000"))


def _settings(options: dict[str, Any]) -> Settings:
    return Settings(
        inspection_add_ports=options["add_ports"],
        inspection_keep_ports=options["keep_ports"],
        inspection_update_pxe_enabled=options["update_pxe_enabled"],
        inspection_disk_spacing=options["disk_partitioning_spacing"],
        inspection_physical_networks=",".join(options["physical_network_cidr_map"]),
        inspection_pci_aliases="10de:1eb8=t4,8086:1572=x710",
    )


def _ours(case: dict[str, Any]) -> dict[str, Any]:
    ports = [PortFacts(**{"physical_network": None, "extra": {}, **port}) for port in case["ports"]]
    seen = Seen(
        settings=_settings(case["options"]),
        inventory={},
        plugin_data={},
        properties=case["properties"],
        ports={port.address: port for port in ports},
        disks_before=serials(case["before"]),
    )
    document = {"inventory": case["inventory"], **case["plugin_data"]}
    try:
        found = read_findings(document, hooks_of(",".join(case["hooks"])), seen)
    except StepFailed as error:
        return {"failed": str(error)}
    after = {port.address: port for port in (*ports, *found.new_ports)}
    shown = {
        mac: {
            "address": mac,
            "pxe_enabled": port.pxe_enabled,
            "physical_network": port.physical_network,
            "local_link_connection": port.local_link_connection,
            "extra": port.extra,
            **found.ports.get(mac, {}),
        }
        for mac, port in after.items()
        if mac not in found.old_ports
    }
    before = capabilities(case["properties"].get("capabilities"))
    return {
        "properties": {
            **case["properties"],
            **found.properties,
            "capabilities": {**before, **found.capabilities},
        },
        "plugin_data": dict(found.plugin_data),
        "ports": list(shown.values()),
        "failed": None,
    }


def _comparable(found: dict[str, Any]) -> dict[str, Any]:
    if found["failed"]:
        return {"failed": True}
    properties = dict(found["properties"])
    properties["capabilities"] = dict(capabilities(properties.get("capabilities")))
    properties["local_gb"] = properties.get("local_gb", 0)
    data = {key: value for key, value in found["plugin_data"].items() if key != "error"}
    ports = sorted(found["ports"], key=lambda port: str(port["address"]))
    whole = {"properties": properties, "plugin_data": data, "ports": ports}
    result: dict[str, Any] = json.loads(json.dumps(whole).lower())
    return result


def test_hooks_find_what_ironics_find() -> None:
    asked = list(cases(_SEED, _COUNT))
    differences = []
    for case, their in zip(asked, answers("peer_inspection_hooks.py", asked), strict=True):
        our = _ours(case)
        one, other = _comparable(our), _comparable(their)
        if one != other:
            parts = [
                f"{name}: {one.get(name)}\n   theirs {other.get(name)}"
                for name in sorted({*one, *other})
                if one.get(name) != other.get(name)
            ]
            words = f"{case['hooks']} {case['options']} {our['failed']} {their['failed']}"
            differences.append(f"{words}\n" + "\n".join(parts))
    assert not differences, f"{len(differences)} of {len(asked)}:\n" + "\n".join(differences[:5])
