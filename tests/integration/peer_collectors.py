"""Runs collectors of ironic-python-agent on this machine, in its environment (``build/peers/ipa``), and prints what they found.

Standard input: output of dmidecode; standard output: JSON with the keys of an inspection's document, and ``fields``: the names of the
inventory's fields by the name of their class.
"""

import importlib
import json
import sys
from typing import Any

_CLASSES = (
    "NetworkInterface",
    "CPU",
    "BlockDevice",
    "Memory",
    "SystemVendorInfo",
    "SystemFirmware",
)


class Failures:
    """Stands in for the agent's list of failures."""

    def add(self, text: str, *details: object) -> None:
        raise SystemExit(text % details)


def found_by_peer(dmidecode: str) -> dict[str, Any]:
    """Return what the real agent's collectors find that need no program."""
    data: dict[str, Any] = {}
    inspector = importlib.import_module("ironic_python_agent.inspector")
    inspector.collect_pci_devices_info(data, Failures())
    numa = importlib.import_module("ironic_python_agent.numa_inspector")
    numa.collect_numa_topology_info(data, Failures())
    data["dmi"] = importlib.import_module("ironic_python_agent.dmi_inspector").parse_dmi(dmidecode)
    hardware = importlib.import_module("ironic_python_agent.hardware")
    data["fields"] = {name: list(getattr(hardware, name).serializable_fields) for name in _CLASSES}
    return data


if __name__ == "__main__":
    json.dump(found_by_peer(sys.stdin.read()), sys.stdout)
