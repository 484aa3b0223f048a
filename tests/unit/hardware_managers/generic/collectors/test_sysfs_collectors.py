"""PCI, USB and NUMA out of trees as the kernel of a server has them."""

from pathlib import Path

import pytest

from agent.errors import AgentError
from agent.system.sysfs import SysRoot
from hardware_managers.generic.collectors.buses import pci_devices, usb_devices
from hardware_managers.generic.collectors.numa import numa_topology
from tests.unit.hardware_managers.generic.collectors.kernel_tree import kernel_tree

_PCI, _USB, _NODE = "sys/bus/pci/devices", "sys/bus/usb/devices", "sys/devices/system/node"


def test_pci_numbers_have_no_prefix_and_a_device_without_them_is_left_out(tmp_path: Path) -> None:
    root = kernel_tree(
        tmp_path,
        {
            f"{_PCI}/0000:3b:00.0/vendor": "0x15b3",
            f"{_PCI}/0000:3b:00.0/device": "0x1017",
            f"{_PCI}/0000:3b:00.0/class": "0x020000",
            f"{_PCI}/0000:3b:00.0/revision": "0x00",
            f"{_PCI}/0000:3b:00.0/numa_node": "-1",
            f"{_PCI}/0000:00:00.0/vendor": "0x8086",
            f"{_PCI}/0000:00:00.0/device": "0x29c0",
            f"{_PCI}/0000:00:00.0/class": "0x060000",
            f"{_PCI}/0000:00:01.0/vendor": "0x8086",
        },
    )
    bridge, card = pci_devices(root)["pci_devices"]
    assert card == {
        "vendor_id": "15b3",
        "product_id": "1017",
        "class": "020000",
        "revision": "00",
        "bus": "0000:3b:00.0",
        "numa_node_id": "-1",
    }
    assert (bridge["bus"], bridge["revision"], bridge["numa_node_id"]) == (
        "0000:00:00.0",
        None,
        None,
    )


def test_usb_devices_have_clean_names_and_hubs_and_interfaces_are_none(tmp_path: Path) -> None:
    root = kernel_tree(
        tmp_path,
        {
            f"{_USB}/usb1/bDeviceClass": "09",
            f"{_USB}/usb1/busnum": "1",
            f"{_USB}/usb1/devnum": "1",
            f"{_USB}/1-2/bDeviceClass": "00",
            f"{_USB}/1-2/busnum": "1",
            f"{_USB}/1-2/devnum": "4",
            f"{_USB}/1-2/product": "Virtual\x1b[2J Keyboard",
            f"{_USB}/1-2/manufacturer": "American Megatrends Inc.",
            f"{_USB}/1-2:1.0/bInterfaceClass": "03",
        },
    )
    mark = "\N{REPLACEMENT CHARACTER}"
    assert usb_devices(root)["usb_devices"] == [
        {
            "product": f"Virtual{mark}[2J Keyboard",
            "vendor": "American Megatrends Inc.",
            "handle": "USB:1:4",
        }
    ]


def test_machines_without_such_buses_have_empty_lists(tmp_path: Path) -> None:
    root = SysRoot(tmp_path)
    assert pci_devices(root) == {"pci_devices": []}
    assert usb_devices(root) == {"usb_devices": []}
    assert numa_topology(root) == {}


def test_threads_of_a_core_stand_together_and_cores_of_two_nodes_apart(tmp_path: Path) -> None:
    files = {
        f"{_NODE}/node0/meminfo": "Node 0 MemTotal:       65536000 kB\nNode 0 MemFree:  1 kB",
        f"{_NODE}/node1/meminfo": "Node 1 MemTotal:       32768000 kB",
        f"{_NODE}/node0/cpulist": "0,2",
        f"{_NODE}/node1/cpu9/online": "0",
        "sys/class/net/eth0/device/numa_node": "1",
        "sys/class/net/eth1/device/numa_node": "-1",
        "sys/class/net/lo/address": "00:00:00:00:00:00",
    }
    for node, cpu, core in ((0, 0, 0), (0, 2, 0), (1, 1, 0), (1, 3, 1)):
        files[f"{_NODE}/node{node}/cpu{cpu}/topology/core_id"] = str(core)
    assert numa_topology(kernel_tree(tmp_path, files)) == {
        "numa_topology": {
            "ram": [{"numa_node": 0, "size_kb": 65536000}, {"numa_node": 1, "size_kb": 32768000}],
            "cpus": [
                {"cpu": 0, "numa_node": 0, "thread_siblings": [0, 2]},
                {"cpu": 0, "numa_node": 1, "thread_siblings": [1]},
                {"cpu": 1, "numa_node": 1, "thread_siblings": [3]},
            ],
            "nics": [{"name": "eth0", "numa_node": 1}, {"name": "eth1", "numa_node": -1}],
        }
    }


def test_a_node_without_a_memory_figure_is_named(tmp_path: Path) -> None:
    root = kernel_tree(tmp_path, {f"{_NODE}/node0/meminfo": "nothing"})
    with pytest.raises(AgentError, match="node0/meminfo"):
        numa_topology(root)
