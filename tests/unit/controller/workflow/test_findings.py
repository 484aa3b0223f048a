"""What the usual hooks make of the real agent's result, and of odd ones."""

from typing import Any

import pytest

from controller.errors import SettingsError, StepFailed
from controller.settings import Settings
from controller.workflow.findings import Findings, read_findings
from controller.workflow.inspected_machine import macs_of, reported_bmc_addresses
from controller.workflow.inspection_hooks.hook import Found, Hook, PortFacts, Seen
from controller.workflow.inspection_hooks.loading import DEFAULT_HOOKS, hooks_of

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


def port(mac: str, **changes: Any) -> PortFacts:
    facts: dict[str, Any] = {
        "address": mac,
        "pxe_enabled": True,
        "physical_network": None,
        "local_link_connection": {},
        "extra": {},
    }
    return PortFacts(**{**facts, **changes})


def read(
    result: dict[str, Any],
    *ports: PortFacts,
    hooks: str = "$default_hooks",
    properties: dict[str, Any] | None = None,
    disks_before: tuple[str, ...] | None = None,
    is_told_by_bmc: bool = False,
    **settings: Any,
) -> Findings:
    seen = Seen(
        settings=Settings(**settings),
        inventory={},
        plugin_data={},
        properties=properties or {},
        ports={one.address: one for one in ports},
        disks_before=disks_before,
        is_told_by_bmc=is_told_by_bmc,
    )
    return read_findings(result, hooks_of(hooks), seen)


def addresses(found: Findings) -> list[str]:
    return [one.address for one in found.new_ports]


def test_only_the_boot_interface_gets_a_port_unless_the_setting_says_otherwise() -> None:
    assert read(document()).new_ports == (port(BOOT_MAC),)
    assert addresses(read(document(), inspection_add_ports="active")) == [BOOT_MAC, OTHER_MAC]
    everything = read(document(), inspection_add_ports="all").new_ports
    assert [one.address for one in everything] == [BOOT_MAC, OTHER_MAC, DARK_MAC]
    assert [one.pxe_enabled for one in everything] == [True, False, False]
    assert read(document(), inspection_add_ports="disabled").new_ports == ()


def test_without_a_known_boot_interface_all_get_ports() -> None:
    found = read(document(inventory={"boot": {"pxe_interface": None}}))
    assert addresses(found) == [BOOT_MAC, OTHER_MAC, DARK_MAC]
    assert all(one.pxe_enabled for one in found.new_ports)


def test_a_boot_interface_as_bootif_has_it_is_understood() -> None:
    boot = {"pxe_interface": f"01-{BOOT_MAC.replace(':', '-')}"}
    assert addresses(read(document(inventory={"boot": boot}))) == [BOOT_MAC]


@pytest.mark.parametrize(
    ("keep", "gone"),
    [("all", []), ("present", ["52:54:00:00:00:99"]), ("added", ["52:54:00:00:00:99", OTHER_MAC])],
)
def test_ports_are_kept_as_the_setting_says(keep: str, gone: list[str]) -> None:
    old = (port("52:54:00:00:00:99"), port(OTHER_MAC), port(BOOT_MAC, pxe_enabled=False))
    found = read(document(), *old, inspection_keep_ports=keep)
    assert sorted(found.old_ports) == sorted(gone)
    assert found.ports[BOOT_MAC] == {"pxe_enabled": True}
    still = read(document(), *old, inspection_update_pxe_enabled=False)
    assert still.ports == {}


def test_the_properties_are_those_of_the_hooks() -> None:
    found = read(document())
    expected = {"cpu_arch": "x86_64", "cpus": 2, "memory_mb": 3072, "local_gb": 7}
    assert found.properties == expected
    assert found.summary == (
        "6 interfaces, 1 disks, cpu_arch x86_64, cpus 2, memory_mb 3072, local_gb 7"
    )


def test_parts_that_are_missing_or_of_another_kind_set_no_property_and_are_told() -> None:
    odd = document(inventory={"cpu": {"architecture": {"a": 1}, "count": "2"}, "memory": 5})
    found = read({**odd, "root_disk": None})
    assert found.properties == {}
    assert (
        "the inventory has no memory.physical_mb, so properties.memory_mb stays" in found.warnings
    )


def test_the_plug_in_data_is_everything_else_without_the_logs() -> None:
    found = read(document(lldp_raw={"eth0": [[1, "04"]]}))
    assert set(found.plugin_data) == {
        *("root_disk", "boot_interface", "lldp_raw", "local_gb"),
        *("all_interfaces", "valid_interfaces", "macs"),
    }
    assert set(found.plugin_data["all_interfaces"]) == {"lo", "eth0", "eth1", "eth2"}
    assert set(found.plugin_data["valid_interfaces"]) == {"eth0"}
    assert found.inventory == document()["inventory"]


def test_an_error_of_the_ramdisk_is_passed_on() -> None:
    with pytest.raises(StepFailed, match="could not inspect the machine: no disks"):
        read(document(error="no disks"))


def test_a_machine_with_nothing_but_loopback_is_refused() -> None:
    only_loopback = document()["inventory"]["interfaces"][:1]
    with pytest.raises(StepFailed, match="no network interface"):
        read(document(inventory={"interfaces": only_loopback}))


def test_a_root_device_is_chosen_by_its_hints_and_never_a_skipped_disk() -> None:
    disks = [
        {"name": "/dev/sda", "size": 500 << 30, "serial": "S1"},
        {"name": "/dev/sdb", "size": 100 << 30, "serial": "S2"},
    ]
    found = read(
        document(inventory={"disks": disks}), properties={"root_device": {"size": ">= 50"}}
    )
    assert found.plugin_data["root_disk"]["name"] == "/dev/sda"
    assert found.properties["local_gb"] == 499
    hints = {"root_device": {"size": ">= 50"}, "skip_block_devices": [{"serial": "s1"}]}
    other = read(document(inventory={"disks": disks}), properties=hints)
    assert other.plugin_data["root_disk"]["name"] == "/dev/sdb"
    with pytest.raises(StepFailed, match="no disk of the inventory satisfies"):
        read(document(inventory={"disks": disks}), properties={"root_device": {"serial": "x"}})
    with pytest.raises(StepFailed, match="hint 'nope' is unknown"):
        read(document(), properties={"root_device": {"nope": "x"}})


def test_a_new_disk_becomes_the_root_device() -> None:
    disks = [{"serial": "S1", "size": 1}, {"serial": "S2", "size": 1}]
    result = document(inventory={"disks": disks})
    found = read(result, hooks="raid-device", disks_before=("S1",))
    assert found.properties == {"root_device": {"serial": "S2"}}
    unsure = read(result, hooks="raid-device", disks_before=())
    assert (unsure.properties, len(unsure.warnings)) == ({}, 1)
    assert read(result, hooks="raid-device", disks_before=None).warnings == ()


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
    found = read(document(warnings=told))
    assert found.incomplete == ("collector lldp: no end after 45 s", "x y")
    assert found.plugin_data["warnings"] == told
    assert read(document(warnings="none")).incomplete == ()
    assert len(read(document(warnings=["w"] * 500)).incomplete) == 20


def test_a_hook_that_breaks_fails_the_inspection_with_its_name() -> None:
    def breaks(_seen: Seen) -> Found:
        raise KeyError("x")

    seen = Seen(
        settings=Settings(),
        inventory={},
        plugin_data={},
        properties={},
        ports={},
        disks_before=None,
    )
    with pytest.raises(StepFailed, match="the inspection hook odd broke: KeyError"):
        read_findings(document(), {"odd": Hook(run=breaks)}, seen)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("parse-lldp,nope", "there is no nope; possible: accelerators"),
        ("ports,validate-interfaces", "ports needs validate-interfaces before it"),
    ],
)
def test_a_wrong_list_of_hooks_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        hooks_of(text)
    assert tuple(hooks_of("boot-mode,$default_hooks")) == ("boot-mode", *DEFAULT_HOOKS)
