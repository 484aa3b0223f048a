"""What a BMC does not tell fails no inspection: hints and expectations are judged by what it tells, and what was not judged is said."""

from collections.abc import Mapping
from typing import Any

import pytest

from agent.protocol.device_hints import HINT_NAMES
from controller.errors import StepFailed
from controller.workflow.findings import Findings
from tests.unit.controller.workflow.test_findings import addresses, port, read

MACS = "52:54:00:00:00:01", "52:54:00:00:00:02"
GIB = 1 << 30
VOLUME = {"name": "Volume.0", "size": 900 * GIB, "model": None, "serial": None, "wwn": None}
DRIVE = {"name": "Bay.1", "size": 400 * GIB, "model": "Fast 1", "serial": "S1", "rotational": False}
UNTOLD = "does not tell all that properties.root_device"
ASKED: Mapping[str, Any] = {"size": ">= 1", "rotational": True}
"""Values of hints; of all others a text."""


def told(*disks: Mapping[str, Any], **inventory: Any) -> dict[str, Any]:
    """What a BMC tells of a machine: no addresses, no boot card."""
    cards = [{"name": f"NIC{number}", "mac_address": mac} for number, mac in enumerate(MACS)]
    more = {"interfaces": cards, "disks": list(disks), "cpu": {"flags": []}, **inventory}
    return {"inventory": more, **({"root_disk": disks[0]} if disks else {})}


def inspect(result: dict[str, Any], *, hooks: str = "$default_hooks", **more: Any) -> Findings:
    return read(result, hooks=hooks, is_told_by_bmc=True, **more)


def warnings_of(found: Findings, name: str) -> list[str]:
    return [text for text in found.warnings if text.startswith(f"{name}: ")]


@pytest.mark.parametrize("name", HINT_NAMES)
@pytest.mark.parametrize("disks", [(), (VOLUME,), (VOLUME, VOLUME)])
def test_no_hint_fails_for_what_is_not_told(name: str, disks: tuple[Any, ...]) -> None:
    hints = {"root_device": {name: ASKED.get(name, "/dev/disk/x")}}
    found = inspect(told(*disks), properties=hints)
    is_told = name == "size" and bool(disks)
    assert len(warnings_of(found, "root-device")) == (0 if is_told else 1)
    is_known = is_told or len(disks) == 1
    assert found.properties.get("local_gb") == (899 if is_known else None)
    assert found.plugin_data.get("root_disk") == (VOLUME if is_known else None)


@pytest.mark.parametrize(
    ("hints", "meant"),
    [
        ({"name": "/dev/sda", "serial": "S1"}, None),
        ({"by_path": "pci-0", "size": "> 500"}, VOLUME),
        ({"hctl": "0:0:0:0", "rotational": False, "size": "< 500"}, DRIVE),
        ({"serial": "s1"}, DRIVE),
        ({"rotational": True}, VOLUME),
    ],
)
def test_what_is_told_is_judged(hints: dict[str, Any], meant: Any) -> None:
    found = inspect(told(VOLUME, DRIVE), properties={"root_device": hints})
    assert found.plugin_data.get("root_disk") == meant
    is_sure = "serial" in hints and len(hints) == 1
    assert any(UNTOLD in text for text in found.warnings) is not is_sure


@pytest.mark.parametrize(
    "hints", [{"size": "> 1000"}, {"name": "/dev/sda", "size": "< 9"}, {"wwn": "1", "size": "< 9"}]
)
def test_what_is_told_otherwise_fails(hints: dict[str, Any]) -> None:
    with pytest.raises(StepFailed, match="no disk of the inventory satisfies"):
        inspect(told(VOLUME, DRIVE), properties={"root_device": hints})


@pytest.mark.parametrize("skipped", [{"name": "/dev/sda"}, {"serial": "S1"}])
def test_a_disk_that_may_be_skipped_is_not_chosen_alone(skipped: dict[str, str]) -> None:
    found = inspect(told(DRIVE, VOLUME), properties={"skip_block_devices": [skipped]})
    assert "local_gb" not in found.properties
    assert "root_disk" not in found.plugin_data
    (text,) = warnings_of(found, "root-device")
    assert "skip_block_devices" in text


def test_a_ramdisk_still_has_to_find_the_disk() -> None:
    for hints in ({"name": "/dev/sda"}, {"rotational": True}, {"serial": "x"}):
        with pytest.raises(StepFailed, match="no disk of the inventory satisfies"):
            read(told(VOLUME), properties={"root_device": hints})


EXPECTATIONS = {
    "mac": MACS[0],
    "serial": "SN",
    "bmc_address": "192.0.2.1",
    "cpu_arch": "x86_64",
    "cpus": 64,
    "cpu_model": "Xeon",
    "memory_mb": 4096,
    "disks": 4,
    "disk_gib": 4000,
    "interfaces": 2,
    "product": "R760",
    "manufacturer": "Dell",
}


@pytest.mark.parametrize("name", EXPECTATIONS)
def test_what_is_not_told_is_not_another_machine(name: str) -> None:
    empty = {"cpu": {"model_name": ""}, "memory": {"physical_mb": 0}, "system_vendor": {}}
    bare = told(interfaces=[], **empty)
    expected = {"expected": {name: EXPECTATIONS[name]}}
    found = inspect(bare, hooks="check-expected", properties=expected)
    (text,) = warnings_of(found, "check-expected")
    assert f"does not tell {name}, " in text
    if name not in ("serial", "bmc_address"):
        with pytest.raises(StepFailed, match="this is not the machine"):
            read(bare, hooks="check-expected", properties=expected)


@pytest.mark.parametrize("expected", [{"mac": "52:54:00:00:00:09"}, {"disks": 3}, {"nonsense": 1}])
def test_what_is_told_otherwise_is_another_machine(expected: dict[str, Any]) -> None:
    with pytest.raises(StepFailed, match="this is not the machine"):
        inspect(told(VOLUME, DRIVE), properties={"expected": {**expected, "cpus": 64}})


@pytest.mark.parametrize("keep_ports", ["present", "added"])
def test_a_port_whose_card_the_bmc_does_not_tell_of_stays(keep_ports: str) -> None:
    untold = "52:54:00:00:00:77"
    found = read(told(), port(untold), is_told_by_bmc=True, inspection_keep_ports=keep_ports)
    assert found.old_ports == ()
    assert any(untold in text and "the port stays" in text for text in warnings_of(found, "ports"))
    by_ramdisk = read(told(), port(untold), inspection_keep_ports=keep_ports)
    assert by_ramdisk.old_ports == (untold,)


@pytest.mark.parametrize("add_ports", ["active", "pxe", "all"])
@pytest.mark.parametrize("keep_ports", ["all", "present", "added"])
def test_ports_are_made_and_kept_without_addresses(add_ports: str, keep_ports: str) -> None:
    settings: dict[str, Any] = {
        "inspection_add_ports": add_ports,
        "inspection_keep_ports": keep_ports,
    }
    found = read(told(), port(MACS[1]), is_told_by_bmc=True, **settings)
    assert addresses(found) == [MACS[0]]
    assert found.old_ports == ()
    assert len(warnings_of(found, "validate-interfaces")) == (add_ports == "active")
    if add_ports == "active":
        with pytest.raises(StepFailed, match="no network interface has an address"):
            read(told(), **settings)


@pytest.mark.parametrize(
    "name",
    ["physical-network", "cpu-capabilities", "accelerators", "extra-hardware", "raid-device"],
)
def test_a_hook_that_needs_more_says_so_and_changes_nothing(name: str) -> None:
    more: dict[str, Any] = {
        "inspection_physical_networks": "10.0.0.0/8:red",
        "inspection_accelerators": "10de:2330=GPU:H100",
    }
    hooks = f"validate-interfaces,{name}"
    found = inspect(told(VOLUME, DRIVE), hooks=hooks, disks_before=("S0",), **more)
    assert (found.properties, found.capabilities, found.ports) == ({}, {}, {})
    (text,) = warnings_of(found, name)
    assert "BMC" in text
