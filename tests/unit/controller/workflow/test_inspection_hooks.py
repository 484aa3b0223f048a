"""What is made of LLDP and PCI data of a machine that nobody has logged in."""

from typing import Any

import pytest

from agent.protocol.lldp import as_raw
from controller.errors import SettingsError
from controller.load_settings import load_settings
from controller.setting_words import pci_aliases
from controller.workflow.inspection_hooks import (
    capabilities_of,
    links,
    parsed_lldp,
    with_capabilities,
)
from tests.unit.agent.protocol.lldp_frames import MANDATORY, SWITCH

MAC, OTHER_MAC = "52:54:00:00:00:01", "52:54:00:00:00:02"
INVENTORY: dict[str, Any] = {
    "interfaces": [
        {"name": "eth0", "mac_address": MAC.upper()},
        {"name": "eth1", "mac_address": OTHER_MAC, "lldp": as_raw(MANDATORY)},
        "odd",
    ],
    "boot": {"current_boot_mode": "uefi"},
}


def test_raw_data_is_parsed_whoever_sent_it() -> None:
    forged = {"lldp_raw": {"eth0": as_raw(SWITCH)}, "parsed_lldp": {"eth0": {"x": "forged"}}}
    parsed = parsed_lldp(INVENTORY, forged)
    assert parsed["eth0"]["switch_system_name"] == "tor-a1"
    assert parsed["eth1"] == {
        "switch_chassis_id": "02:00:5e:00:10:01",
        "switch_port_id": "Ethernet1/7",
    }


def test_a_port_is_linked_to_what_its_card_heard() -> None:
    assert links(INVENTORY, {"lldp_raw": {"eth0": as_raw(SWITCH)}}) == {
        MAC: {
            "switch_id": "02:00:5e:00:10:01",
            "port_id": "Ethernet1/7",
            "switch_info": "tor-a1",
        },
        OTHER_MAC: {"switch_id": "02:00:5e:00:10:01", "port_id": "Ethernet1/7"},
    }


@pytest.mark.parametrize("raw", [None, 5, [], {"eth0": 7}, {"eth0": [["x", "y"], [1]]}])
def test_raw_data_of_another_shape_links_nothing(raw: object) -> None:
    inventory = {"interfaces": [{"name": "eth0", "mac_address": MAC}]}
    assert links(inventory, {"lldp_raw": raw}) == {}
    assert parsed_lldp(inventory, {"lldp_raw": raw}) == {}


def test_devices_with_an_alias_are_counted_in_the_capabilities() -> None:
    device = {"vendor_id": "10DE", "product_id": "2330"}
    data = {"pci_devices": [device, device, {"vendor_id": "8086", "product_id": "1"}, 7]}
    aliases = pci_aliases("10de:2330=h100, 15b3:1017=cx5")
    found = capabilities_of({"pci-devices", "boot-mode"}, aliases, INVENTORY, data)
    assert found == {"h100": "2", "boot_mode": "uefi"}
    assert capabilities_of((), aliases, INVENTORY, data) == {}
    assert with_capabilities({"a": "1", "h100": "4"}, found) == "a:1,h100:2,boot_mode:uefi"
    odd = {"interfaces": [], "boot": {"current_boot_mode": {"a": 1}}}
    assert capabilities_of({"pci-devices", "boot-mode"}, aliases, odd, {"pci_devices": 3}) == {}


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("inspection_hooks", "parse-lldp,ports", "there is no ports; possible: boot-mode"),
        ("inspection_pci_aliases", "10de=h100", "'10de=h100' is not of the form"),
    ],
)
def test_a_wrong_setting_is_refused_at_the_start(name: str, value: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        load_settings("", {}, {name: value})
