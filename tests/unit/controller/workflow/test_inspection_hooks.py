"""What is made of LLDP, PCI and other data of a machine that nobody has logged in."""

from typing import Any

import pytest

from agent.protocol.lldp import as_raw
from controller.errors import SettingsError, StepFailed
from controller.load_settings import load_settings
from controller.workflow.inspection_hooks.switches import links, misplaced
from tests.unit.agent.protocol.lldp_frames import MANDATORY, SWITCH
from tests.unit.controller.workflow.test_findings import port, read

MAC, OTHER_MAC = "52:54:00:00:00:01", "52:54:00:00:00:02"
INVENTORY: dict[str, Any] = {
    "interfaces": [
        {"name": "eth0", "mac_address": MAC.upper(), "ipv4_address": "10.0.0.5"},
        {"name": "eth1", "mac_address": OTHER_MAC, "lldp": as_raw(MANDATORY)},
        "odd",
    ],
    "boot": {"current_boot_mode": "uefi"},
    "cpu": {"flags": ["vmx", "aes", 7]},
}
HEARD = {"switch_id": "02:00:5e:00:10:01", "port_id": "Ethernet1/7", "switch_info": "tor-a1"}


def result(**data: Any) -> dict[str, Any]:
    return {"inventory": INVENTORY, **data}


def test_raw_data_is_parsed_whoever_sent_it() -> None:
    forged = {"lldp_raw": {"eth0": as_raw(SWITCH)}, "parsed_lldp": {"eth0": {"x": "forged"}}}
    parsed = read(result(**forged), hooks="parse-lldp").plugin_data["parsed_lldp"]
    assert parsed["eth0"]["switch_system_name"] == "tor-a1"
    assert parsed["eth1"] == {
        "switch_chassis_id": "02:00:5e:00:10:01",
        "switch_port_id": "Ethernet1/7",
    }


def test_a_port_is_linked_to_what_its_card_heard() -> None:
    assert links(INVENTORY, {"lldp_raw": {"eth0": as_raw(SWITCH)}}) == {
        MAC: HEARD,
        OTHER_MAC: {"switch_id": "02:00:5e:00:10:01", "port_id": "Ethernet1/7"},
    }


@pytest.mark.parametrize("raw", [None, 5, [], {"eth0": 7}, {"eth0": [["x", "y"], [1]]}])
def test_raw_data_of_another_shape_links_nothing(raw: object) -> None:
    inventory = {"interfaces": [{"name": "eth0", "mac_address": MAC}]}
    assert links(inventory, {"lldp_raw": raw}) == {}
    found = read({"inventory": inventory, "lldp_raw": raw}, hooks="parse-lldp")
    assert "parsed_lldp" not in found.plugin_data


def test_a_port_that_is_plugged_in_elsewhere_is_told_and_stays() -> None:
    entered = {"port_id": "Ethernet1/8", "switch_id": "02-00-5E-00-10-01"}
    hooks = "$default_hooks,local-link-connection"
    heard = result(lldp_raw={"eth0": as_raw(SWITCH)})
    found = read(heard, port(MAC, local_link_connection=entered), hooks=hooks)
    assert found.ports[MAC]["local_link_connection"] == {**HEARD, **entered}
    (warning,) = [text for text in found.warnings if "plugged in" in text]
    assert f"the port {MAC} is plugged in elsewhere than it should be" in warning
    assert "port_id is Ethernet1/8, the switch says Ethernet1/7" in warning
    with pytest.raises(StepFailed, match="plugged in elsewhere"):
        read(heard, port(MAC, local_link_connection=entered), inspection_link_check="fail")
    assert misplaced({"port_id": " ethernet1/7"}, HEARD) == ()
    assert misplaced({"port_id": "x"}, {}) == ()


def test_devices_with_an_alias_are_counted_in_the_capabilities() -> None:
    device = {"vendor_id": "10DE", "product_id": "2330", "bus": "0000:01:00.0"}
    data = {"pci_devices": [device, device, {"vendor_id": "8086", "product_id": "1"}, 7]}
    hooks = "pci-devices,boot-mode,cpu-capabilities,accelerators"
    more: dict[str, Any] = {
        "inspection_pci_aliases": "10de:2330=h100, 15b3:1017=cx5",
        "inspection_accelerators": "10de:2330=GPU:H100",
    }
    found = read(result(**data), hooks=hooks, **more)
    assert found.capabilities == {
        "h100": "2",
        "boot_mode": "uefi",
        "cpu_vt": "true",
        "cpu_aes": "true",
    }
    (card, _other) = found.properties["accelerators"]
    assert card == {
        "vendor_id": "10de",
        "device_id": "2330",
        "type": "GPU",
        "device_info": "H100",
        "pci_address": "0000:01:00.0",
    }
    odd = {"interfaces": [], "boot": {"current_boot_mode": {"a": 1}}, "cpu": 5}
    assert read({"inventory": odd, "pci_devices": 3}, hooks=hooks, **more).capabilities == {}


@pytest.mark.parametrize(
    ("data", "is_strict", "extra", "stays"),
    [
        ([["cpu", "p0", "cores", "16"], [], ["x"]], False, {"cpu": {"p0": {"cores": 16}}}, False),
        ([["cpu", "p0", "cores", "16"], ["x"]], True, None, False),
        ("nonsense", False, None, True),
    ],
)
def test_rows_of_hardware_detect_become_an_object(
    data: Any, is_strict: bool, extra: Any, stays: bool
) -> None:
    found = read(
        result(data=data), hooks="extra-hardware", inspection_extra_hardware_strict=is_strict
    )
    assert found.plugin_data.get("extra") == extra
    assert ("data" in found.plugin_data) is stays
    assert len(found.warnings) == 1


def test_a_port_gets_the_physical_network_of_its_address() -> None:
    networks = "10.0.0.0/24:red,10.0.0.0/8:blue"
    hooks = "validate-interfaces,physical-network"
    found = read(result(), port(MAC), hooks=hooks, inspection_physical_networks=networks)
    assert found.ports == {MAC: {"physical_network": "red"}}


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("inspection_pci_aliases", "10de=h100", "'10de=h100' is not of the form"),
        ("inspection_accelerators", "10de:1eb8=GPU", "is not of the form 10de:1eb8=GPU:NVIDIA"),
        ("inspection_physical_networks", "10.0.0.0/33:x", "is not of the form 10.10.10.0/24:red"),
        ("inspection_cpu_capabilities", "vmx", "write flag=capability"),
        ("inspection_keep_ports", "some", "possible: all, present, added"),
    ],
)
def test_a_wrong_setting_is_refused_at_the_start(name: str, value: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        load_settings("", {}, {name: value})
