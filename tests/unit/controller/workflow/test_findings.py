from typing import Any

import pytest

from controller.errors import StepFailed
from controller.workflow.findings import (
    Findings,
    NewPort,
    macs_of,
    read_findings,
    reported_bmc_addresses,
)

BOOT_MAC, OTHER_MAC, DARK_MAC = "52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:03"


def document(**changes: Any) -> dict[str, Any]:
    """The result of the real agent (recorded), with more network interfaces."""
    inventory = {
        "interfaces": [
            {"name": "lo", "mac_address": "00:00:00:00:00:00", "ipv4_address": "127.0.0.1"},
            {"name": "eth0", "mac_address": BOOT_MAC.upper(), "ipv4_address": "10.0.0.5"},
            {"name": "eth1", "mac_address": OTHER_MAC, "ipv6_address": "fd00::5"},
            {"name": "eth2", "mac_address": DARK_MAC, "ipv4_address": None},
            {"name": "odd", "mac_address": "nonsense"},
            {"mac_address": OTHER_MAC},
        ],
        "cpu": {"architecture": "x86_64", "count": 2},
        "memory": {"total": 3054686208, "physical_mb": 3072},
        "disks": [{"name": "/dev/vda", "size": 8589934592}],
        "boot": {"pxe_interface": BOOT_MAC, "current_boot_mode": "uefi"},
        "bmc_address": None,
    }
    return {
        "inventory": {**inventory, **changes.pop("inventory", {})},
        "root_disk": {"name": "/dev/vda", "size": 8589934592},
        "boot_interface": BOOT_MAC,
        "logs": "bG9ncw==",
        "error": None,
        **changes,
    }


def addresses(found: Findings) -> list[str]:
    return [port.address for port in found.ports]


def test_only_the_boot_interface_gets_a_port_unless_the_setting_says_otherwise() -> None:
    assert read_findings(document(), "pxe").ports == (NewPort(address=BOOT_MAC, pxe_enabled=True),)
    assert addresses(read_findings(document(), "active")) == [BOOT_MAC, OTHER_MAC]
    everything = read_findings(document(), "all").ports
    assert [port.address for port in everything] == [BOOT_MAC, OTHER_MAC, DARK_MAC]
    assert [port.pxe_enabled for port in everything] == [True, False, False]
    assert read_findings(document(), "disabled").ports == ()


def test_without_a_known_boot_interface_those_with_an_address_get_ports() -> None:
    found = read_findings(document(inventory={"boot": {"pxe_interface": None}}), "pxe")
    assert addresses(found) == [BOOT_MAC, OTHER_MAC]
    assert all(port.pxe_enabled for port in found.ports)


def test_a_boot_interface_as_bootif_has_it_is_understood() -> None:
    boot = {"pxe_interface": f"01-{BOOT_MAC.replace(':', '-')}"}
    assert addresses(read_findings(document(inventory={"boot": boot}), "pxe")) == [BOOT_MAC]


def test_the_properties_are_those_of_the_hooks() -> None:
    found = read_findings(document(), "pxe")
    expected = {"cpu_arch": "x86_64", "cpus": 2, "memory_mb": 3072, "local_gb": 7}
    assert found.properties == expected
    assert found.summary == (
        "6 interfaces, 1 disks, cpu_arch x86_64, cpus 2, memory_mb 3072, local_gb 7"
    )


def test_parts_that_are_missing_or_of_another_kind_set_no_property() -> None:
    odd = document(inventory={"cpu": {"architecture": {"a": 1}, "count": "2"}, "memory": 5})
    assert read_findings({**odd, "root_disk": None}, "pxe").properties == {}


def test_the_plug_in_data_is_everything_else_without_the_logs() -> None:
    found = read_findings(document(lldp_raw={"eth0": [[1, "04"]]}), "pxe")
    assert set(found.plugin_data) == {
        "root_disk",
        "boot_interface",
        "lldp_raw",
        "all_interfaces",
        "valid_interfaces",
    }
    assert set(found.plugin_data["all_interfaces"]) == {"lo", "eth0", "eth1", "eth2"}
    assert set(found.plugin_data["valid_interfaces"]) == {"eth0"}
    assert found.inventory == document()["inventory"]


def test_an_error_of_the_ramdisk_is_passed_on() -> None:
    with pytest.raises(StepFailed, match="could not inspect the machine: no disks"):
        read_findings(document(error="no disks"), "pxe")


def test_a_machine_with_nothing_but_loopback_is_refused() -> None:
    only_loopback = document()["inventory"]["interfaces"][:1]
    with pytest.raises(StepFailed, match="no network interface"):
        read_findings(document(inventory={"interfaces": only_loopback}), "pxe")


def test_what_the_machine_can_be_recognized_by() -> None:
    inventory = document()["inventory"]
    assert macs_of(inventory)[1:] == (BOOT_MAC, OTHER_MAC, DARK_MAC)
    assert reported_bmc_addresses(inventory) == frozenset()
    own = {"bmc_address": "10.1.0.5", "bmc_v6address": "fd00::9/64"}
    assert reported_bmc_addresses({**inventory, **own}) == {"10.1.0.5", "fd00::9"}
    none = {"bmc_address": "0.0.0.0", "bmc_v6address": "::/0"}
    assert reported_bmc_addresses({**inventory, **none}) == frozenset()


def test_what_the_ramdisk_could_not_find_out_is_a_warning_and_not_a_failure() -> None:
    told = ["collector lldp: no end after 45 s", 7, "", "x\ny"]
    found = read_findings(document(warnings=told), "all")
    assert found.warnings == ("collector lldp: no end after 45 s", "x y")
    assert found.plugin_data["warnings"] == told
    assert read_findings(document(warnings="none"), "all").warnings == ()
    assert len(read_findings(document(warnings=["w"] * 500), "all").warnings) == 20
