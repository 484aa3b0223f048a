"""What is read of real machines: the recorded answers of a Dell R750, a Lenovo SR670 and an NVIDIA GH200 (``recorded_bmc.py``)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from controller.bmc.redfish import RedfishBmc, RedfishDriver
from controller.bmc.redfish_bios import BiosOfSystem, RedfishBios
from controller.bmc.redfish_bios_steps import plan_settings
from controller.bmc.redfish_firmware import FirmwareOfSystem, RedfishFirmware
from controller.bmc.redfish_idrac import IdracDriver
from controller.bmc.redfish_inspect import InventoryOfSystem, RedfishInspect
from controller.bmc.redfish_raid import RedfishRaid, StorageOfSystem
from controller.bmc.redfish_sessions import Sessions
from controller.errors import BmcError
from controller.hardware.abilities import IndicatorState, MediaDevice
from controller.hardware.bmc import NODE, BootMode, PowerState
from controller.settings import Settings
from tests.integration.recorded_bmc import machines, served, unpacked

S = 60.0
SYSTEMS = {"gh200": "/redfish/v1/Systems/System_0"}
"""Of a machine that has several."""
BIOS: dict[str, dict[str, Any]] = {
    "dell_poweredge_r750": {"count": 455, "name": "BootMode", "value": "Uefi"},
    "gh200": {"count": 203, "name": "EGM", "value": "False"},
    "lenovo_thinksystem_sr670": {"count": 373, "name": "Memory_MirrorMode", "value": "Disabled"},
}
SENSORS = {
    "dell_poweredge_r750": {"Temperature": 5, "Fan": 6, "Power": 3, "Voltage": 49, "Drive": 3},
    "gh200": {"Temperature": 9},
    "lenovo_thinksystem_sr670": {
        "Temperature": 21,
        "Fan": 10,
        "Power": 7,
        "Voltage": 4,
        "Drive": 1,
    },
}
NEWEST = {
    "dell_poweredge_r750": "An OEM diagnostic event occurred.",
    "gh200": "TEMP_SSD_02 sensor crossed a warning low threshold going high. Reading=27.000000 Threshold=5.000000.",
    "lenovo_thinksystem_sr670": "Host Power has been turned on.",
}
FIRMWARE = {
    "dell_poweredge_r750": {
        "bios": "1.8.2",
        "bmc": "6.00.30.00",
        "nic:MT2242XZ00QA": "24.40.10.00",
        "PSU.Slot.1": "00.2A.2B",
        "Disk.Bay.0:Enclosure.Internal.0-1": "2.1.3",
    },
    "gh200": {"bmc": "GH200-24.05-2", "HGX_FW_GPU_0": "96.00.A6.00.01"},
    "lenovo_thinksystem_sr670": {"bios": "U8E112A", "UEFI": "12A-1.02", "PSU4": "7.52"},
}


STORAGE: dict[str, dict[str, Any]] = {
    "dell_poweredge_r750": {
        "drives": {"CPU.1": 3},
        "drive": (1_920_383_410_176, "nvme", False, "61M0A08ZTCD8"),
    },
    "gh200": {"drives": {}},
    "lenovo_thinksystem_sr670": {
        "drives": {"Direct_Attached_NVMe": 2},
        "drive": (1_600_000_000_000, "nvme", False, "PHAB1234034Z1P9SGN"),
    },
}
"""None of them has a controller that makes volumes."""


MACHINES: dict[str, dict[str, Any]] = {
    "dell_poweredge_r750": {
        "cpu": {"count": 72, "architecture": "x86_64", "socket_count": 2},
        "memory_mb": 512 * 1024,
        "serial": "CNIVC0014M0388",
        "mac": "e4:3d:1a:13:27:f1",
        "interfaces": 5,
        "disks": 3,
        "pci": ("10de", "2331"),
    },
    "gh200": {
        "cpu": {"count": 144, "architecture": "aarch64", "socket_count": 2},
        "memory_mb": 960 * 1024,
        "serial": "",
        "mac": None,
        "interfaces": 0,
        "disks": 0,
        "pci": None,
    },
    "lenovo_thinksystem_sr670": {
        "cpu": {"count": 72, "architecture": "x86_64", "socket_count": 2},
        "memory_mb": 512 * 1024,
        "serial": "J101RZ43",
        "mac": None,
        "interfaces": 0,
        "disks": 2,
        "pci": None,
    },
}


@dataclass(frozen=True, slots=True)
class Recorded:
    name: str
    bmc: RedfishBmc
    bios: BiosOfSystem
    firmware: FirmwareOfSystem
    raid: StorageOfSystem
    inspect: InventoryOfSystem
    info: dict[str, Any]
    asked: list[str]
    sessions: Sessions


@pytest.fixture(scope="module", params=machines() or ["none"])
def machine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Recorded]:
    name = request.param
    if name == "none":
        pytest.skip("INGOT_REDFISH_TREES names no recordings")
    with served(unpacked(name, tmp_path_factory.mktemp(name))) as (url, asked):
        info = {"redfish_address": url, "redfish_auth_type": "basic", "redfish_username": "a"}
        if name in SYSTEMS:
            info["redfish_system_id"] = SYSTEMS[name]
        sessions = Sessions()
        yield Recorded(
            name,
            RedfishDriver(sessions).connect(info),
            RedfishBios(Settings(), sessions).connect(info),
            RedfishFirmware(Settings(), sessions).connect(info),
            RedfishRaid(sessions).connect(info),
            RedfishInspect(sessions).connect(info),
            info,
            asked,
            sessions,
        )
        sessions.close()


def test_power_boot_and_media_are_read(machine: Recorded) -> None:
    assert machine.bmc.power_state(timeout_s=S) is PowerState.ON
    assert machine.bmc.boot_mode(timeout_s=S) is BootMode.UEFI
    assert machine.bmc.secure_boot(timeout_s=S) is False
    machine.bmc.boot_device(timeout_s=S)
    media = machine.bmc.media(timeout_s=S)
    assert {MediaDevice.CDROM, MediaDevice.DISK} <= set(media)
    assert set(media.values()) == {None}


def test_dells_own_orders_go_where_its_bmc_says(machine: Recorded) -> None:
    bmc = IdracDriver(machine.sessions).connect(machine.info)
    if "dell" not in machine.name:
        with pytest.raises(BmcError, match="does not offer a job queue"):
            bmc.clear_jobs(timeout_s=S)
        return
    bmc.clear_jobs(timeout_s=S)
    bmc.restart(timeout_s=S)
    jobs, card = (one for one in machine.asked if one.startswith("POST "))
    path = "/redfish/v1/Managers/iDRAC.Embedded.1/Oem/Dell"
    action = "DellJobService/Actions/DellJobService.DeleteJobQueue"
    assert jobs == f'POST {path}/{action} {{"JobID": "JID_CLEARALL"}}'
    action = "DelliDRACCardService/Actions/DelliDRACCardService.iDRACReset"
    assert card == f'POST {path}/{action} {{"Force": "Graceful"}}'


def test_lamps_and_the_clock_are_read(machine: Recorded) -> None:
    lamps = machine.bmc.indicators(timeout_s=S)
    ((name, _lamp),) = lamps["system"].items()
    assert machine.bmc.indicator_state("system", name, timeout_s=S) in {
        IndicatorState.ON,
        IndicatorState.OFF,
    }
    assert machine.bmc.clock_is_right(timeout_s=S) is False  # it was recorded long ago


def test_bios_settings_are_read_with_their_registry(machine: Recorded) -> None:
    told = {one.name: one for one in machine.bios.bios_settings(timeout_s=S)}
    expected = BIOS[machine.name]
    one = told[expected["name"]]
    assert (len(told), one.value) == (expected["count"], expected["value"])
    known = [one for one in told.values() if one.attribute_type]
    assert len(known) > 0.9 * len(told)
    choices = [one for one in known if one.allowable_values and one.value]
    fitting = [one for one in choices if one.value in (one.allowable_values or ())]
    assert len(fitting) > 0.95 * len(choices)


def test_settings_are_planned_as_this_bios_takes_them(machine: Recorded) -> None:
    state = machine.bios.state(timeout_s=S)
    writable = {
        name: state.attributes[name]
        for name, one in state.known.items()
        if not one.read_only and name in state.attributes and one.attribute_type != "Password"
    }
    assert len(writable) > 50
    same = {
        name: value
        for name, value in writable.items()
        if state.waiting.get(name, value) == value  # what waits is another matter
    }
    assert len(same) >= len(writable) - 1
    assert plan_settings(same, state) == {}
    as_texts = {name: str(value) for name, value in same.items() if value is not None}
    assert plan_settings(as_texts, state) == {}


def test_firmware_is_listed_by_names_that_stay(machine: Recorded) -> None:
    listed = machine.firmware.firmware_components(timeout_s=S)
    found = {one.component: one.current_version for one in listed}
    assert found.items() >= FIRMWARE[machine.name].items()
    assert not any(name.startswith(("Installed-", "Previous-")) for name in found)


def test_of_several_systems_the_error_names_each(machine: Recorded) -> None:
    if machine.name not in SYSTEMS:
        assert machine.bmc.power_state(timeout_s=S) is PowerState.ON
        return
    info = {key: value for key, value in machine.info.items() if key != "redfish_system_id"}
    with pytest.raises(BmcError, match=r"2 systems .*System_0.*HGX_Baseboard_0"):
        RedfishDriver(Sessions()).connect(info).power_state(timeout_s=S)


def test_drives_are_read_and_no_volume_is_made_or_deleted_where_there_is_no_controller(
    machine: Recorded,
) -> None:
    expected = STORAGE[machine.name]
    found = {store.name: store for store in machine.raid.stores(timeout_s=S)}
    drives = {name: len(store.drives) for name, store in found.items() if store.drives}
    assert drives == expected["drives"]
    told = [
        (drive.size_bytes, drive.interface, drive.is_rotational, drive.serial)
        for store in found.values()
        for drive in store.drives
    ]
    assert "drive" not in expected or expected["drive"] in told
    node: dict[str, Any] = {"properties": {}, "raid_config": {}, "target_raid_config": {}}
    steps = {one.name: one for one in RedfishRaid().steps({})}
    look = steps["delete_configuration"].begin(machine.raid, {NODE: node}, S)
    assert (look.state, look.result) == (None, {"logical_disks": []})
    node["target_raid_config"] = {"logical_disks": [{"raid_level": "1", "size_gb": "MAX"}]}
    with pytest.raises(BmcError, match=r"tells of no controller that makes RAID 1 .*nothing was"):
        steps["create_configuration"].begin(machine.raid, {NODE: node}, S)


def test_sensors_are_read_of_real_machines(machine: Recorded) -> None:
    report = machine.bmc.sensors(timeout_s=S)
    counts = {kind: len(found) for kind, found in report.readings.items()}
    assert (counts, report.left_out) == (SENSORS[machine.name], 0)
    for said in report.readings["Temperature"].values():
        celsius = said["reading_celsius"]
        assert celsius is None or -128 < celsius < 128  # also margins below a limit


def test_the_log_is_read_of_real_machines(machine: Recorded) -> None:
    log = machine.bmc.log(3, timeout_s=S)
    assert [entry.message for entry in log.entries][:1] == [NEWEST[machine.name]]
    times = [entry.created_at or 0 for entry in log.entries]
    assert times == sorted(times, reverse=True)
    assert len(log.entries) == 3 <= log.total


def test_the_machine_is_inspected(machine: Recorded) -> None:
    expected = MACHINES[machine.name]
    inventory: dict[str, Any] = {}
    for part in machine.inspect.inventory_parts:
        told = machine.inspect.inventory_part(part.name, timeout_s=S)
        inventory |= told.inventory
    assert inventory["cpu"].items() >= expected["cpu"].items()
    assert inventory["memory"]["physical_mb"] == expected["memory_mb"]
    assert inventory["system_vendor"]["serial_number"] == expected["serial"]
    assert inventory["boot"]["current_boot_mode"] == "uefi"
    macs = [one["mac_address"] for one in inventory["interfaces"]]
    assert len(macs) == expected["interfaces"]
    assert expected["mac"] is None or expected["mac"] in macs
    assert len(inventory["disks"]) == expected["disks"]
    devices = [(one["vendor_id"], one["product_id"]) for one in inventory.get("pci_devices", [])]
    assert expected["pci"] is None or expected["pci"] in devices
