"""What our collectors and those of ironic-python-agent find on this very machine: the same, to the last key."""

import json
import subprocess
from operator import itemgetter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.protocol import inventory
from agent.system.sysfs import SysRoot
from hardware_managers.generic.collectors.buses import pci_devices
from hardware_managers.generic.collectors.dmi import parse_dmidecode
from hardware_managers.generic.collectors.numa import numa_topology

PEER = Path(__file__).parents[2] / "build/peers/ipa/bin/python"
RECORDED = Path(__file__).parents[1] / "data/dmidecode/two-sockets.txt"

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(
        not PEER.exists(), reason="make build/stamps/peer-ipa installs the real agent"
    ),
]


@pytest.fixture(scope="module")
def theirs() -> dict[str, Any]:
    script = Path(__file__).with_name("peer_collectors.py")
    done = subprocess.run(
        [PEER, script],
        input=RECORDED.read_text(),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_pci_devices_are_the_same(theirs: dict[str, Any]) -> None:
    by_bus = itemgetter("bus")
    ours = pci_devices(SysRoot())["pci_devices"]
    assert ours == sorted(theirs["pci_devices"], key=by_bus)


def test_the_numa_topology_is_the_same(theirs: dict[str, Any]) -> None:
    def ordered(topology: dict[str, Any]) -> dict[str, Any]:
        cpus = [
            {**one, "thread_siblings": sorted(one["thread_siblings"])} for one in topology["cpus"]
        ]
        return {
            "ram": sorted(topology["ram"], key=itemgetter("numa_node")),
            "cpus": sorted(cpus, key=itemgetter("numa_node", "cpu")),
            "nics": sorted(topology["nics"], key=itemgetter("name")),
        }

    ours = numa_topology(SysRoot())
    assert set(ours) == set(theirs) & {"numa_topology"}
    if ours:
        assert ordered(ours["numa_topology"]) == ordered(theirs["numa_topology"])


def test_recorded_output_of_dmidecode_is_read_the_same_way(theirs: dict[str, Any]) -> None:
    assert parse_dmidecode(RECORDED.read_text()) == theirs["dmi"]


@pytest.mark.parametrize(
    ("peer", "own", "kind"),
    [
        ("NetworkInterface", set(), inventory.Interface),
        ("CPU", set(), inventory.Cpu),
        ("BlockDevice", {"paths"}, inventory.Disk),
        ("Memory", set(), inventory.Memory),
        ("SystemVendorInfo", {"system_uuid"}, inventory.SystemVendor),
        ("SystemFirmware", set(), inventory.Firmware),
    ],
)
def test_the_inventory_has_every_field_of_theirs(
    theirs: dict[str, Any], peer: str, own: set[str], kind: type[msgspec.Struct]
) -> None:
    """``uuid`` and ``partuuid`` are of partitions, which our inventory does not list."""
    fields = set(theirs["fields"][peer]) - {"uuid", "partuuid"}
    assert set(kind.__struct_fields__) == fields | own
