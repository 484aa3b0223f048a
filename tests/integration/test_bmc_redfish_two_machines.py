"""One Redfish BMC of two machines, as a chassis' controller is: what is done to one does not touch the other."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.bmc import redfish_firmware_steps
from controller.bmc.redfish import RedfishBmc, RedfishDriver
from controller.bmc.redfish_bios import RedfishBios
from controller.bmc.redfish_console_way import Way, parse_wish
from controller.bmc.redfish_console_worker import choose
from controller.bmc.redfish_firmware import FirmwareOfSystem, RedfishFirmware
from controller.bmc.redfish_inspect import RedfishInspect
from controller.bmc.redfish_raid import RedfishRaid
from controller.bmc.redfish_sessions import Sessions
from controller.errors import BmcAuthenticationFailed, BmcError, ControllerError
from controller.hardware.abilities import IndicatorState, MediaDevice
from controller.hardware.bmc import BmcStepLook, BootDevice, BootMode, PowerState
from controller.settings import Settings
from tests.integration.redfish_doubles import (
    Client,
    RedfishLab,
    RedfishMachine,
    driver_info,
    finished,
    redfish_lab,
)
from tests.integration.waiting import wait_until
from tests.lab.redfish.faults import RedfishFaults
from tests.lab.redfish.orders.hardware import firmware_image

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
S = 10.0
FIRST, SECOND = "/redfish/v1/Systems/1", "/redfish/v1/Systems/2"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedfishLab]:
    with redfish_lab(tmp_path_factory.mktemp("lab")) as made:
        assert made.bmc.add(made.other) == SECOND
        yield made


@pytest.fixture
def lab(shared: RedfishLab) -> Iterator[RedfishLab]:
    shared.bmc.stop()
    shared.bmc.start()
    shared.other.power_off()
    with shared.as_new() as made:
        yield made
        shared.machine.media.clear()
        shared.other.media.clear()


@pytest.fixture
def sessions() -> Iterator[Sessions]:
    made = Sessions()
    yield made
    made.close()


@pytest.fixture
def both(lab: RedfishLab, sessions: Sessions) -> tuple[RedfishBmc, RedfishBmc]:
    driver = RedfishDriver(sessions)
    first, second = (driver.connect(info(lab, path)) for path in (FIRST, SECOND))
    return first, second


def info(lab: RedfishLab, path: str) -> dict[str, Any]:
    return driver_info(lab, redfish_system_id=path)


def test_a_node_that_names_no_system_is_told_which_there_are(lab: RedfishLab) -> None:
    bmc = RedfishDriver(Sessions()).connect(driver_info(lab))
    with pytest.raises(BmcError, match=rf"2 systems \({SECOND}, {FIRST}\); set redfish_system_id"):
        bmc.power_state(timeout_s=S)


def test_power_and_boot_order_are_each_machines_own(
    lab: RedfishLab, both: tuple[RedfishBmc, RedfishBmc]
) -> None:
    first, second = both
    second.power_on(timeout_s=S)
    assert (lab.machine.is_on, lab.other.is_on) == (False, True)
    assert first.power_state(timeout_s=S) is PowerState.OFF
    second.set_boot_device(BootDevice.PXE, mode=BootMode.UEFI, persistent=True, timeout_s=S)
    assert lab.machine.boot_override is None
    assert first.boot_device(timeout_s=S).device is None
    second.inject_nmi(timeout_s=S)
    assert (lab.machine.interrupts, lab.other.interrupts) == (0, 1)
    first.power_on(timeout_s=S)
    second.power_off(timeout_s=S)
    assert (lab.machine.is_on, lab.other.is_on) == (True, False)


@pytest.mark.parametrize("faults", [RedfishFaults(), RedfishFaults(without_optional=True)])
def test_media_are_in_one_machine_alone(
    lab: RedfishLab, both: tuple[RedfishBmc, RedfishBmc], faults: RedfishFaults
) -> None:
    lab.bmc.set_faults(faults)  # with the second one, drives are those of the managers
    first, second = both
    images = [lab.http.publish(f"{n}.iso", f"image {n}".encode()) for n in (1, 2)]
    second.attach_media(MediaDevice.CDROM, images[1], timeout_s=S)
    assert (lab.machine.media, lab.other.media) == ({}, {"Cd": b"image 2"})
    assert first.media(timeout_s=S)[MediaDevice.CDROM] is None
    first.attach_media(MediaDevice.CDROM, images[0], timeout_s=S)
    second.detach_media(MediaDevice.CDROM, timeout_s=S)
    assert (lab.machine.media, lab.other.media) == ({"Cd": b"image 1"}, {})
    assert first.media(timeout_s=S)[MediaDevice.CDROM] == images[0]


def test_settings_logs_and_lamps_are_each_machines_own(
    lab: RedfishLab, both: tuple[RedfishBmc, RedfishBmc], sessions: Sessions
) -> None:
    first, second = both
    driver = RedfishBios(Settings(), sessions)
    bios = [driver.connect(info(lab, path)) for path in (FIRST, SECOND)]
    bios[1].apply({"NumLock": "Off"}, timeout_s=S)
    for machine in (lab.machine, lab.other):
        machine.power_on()
    values = [{s.name: s.value for s in one.bios_settings(timeout_s=S)} for one in bios]
    assert [one["NumLock"] for one in values] == ["On", "Off"]
    second.power_off(timeout_s=S)
    assert "ForceOff" in second.log(10, timeout_s=S).entries[0].message
    assert first.log(10, timeout_s=S).entries == ()
    first.power_off(timeout_s=S)
    second.clear_log(timeout_s=S)
    assert len(first.log(10, timeout_s=S).entries) == 1
    lamp = next(iter(second.indicators(timeout_s=S)["system"]))
    second.set_indicator_state("system", lamp, IndicatorState.ON, timeout_s=S)
    other = next(iter(first.indicators(timeout_s=S)["system"]))
    assert first.indicator_state("system", other, timeout_s=S) is IndicatorState.OFF


def test_drives_and_volumes_are_each_machines_own(lab: RedfishLab, sessions: Sessions) -> None:
    raid = RedfishRaid(sessions)
    client = lab.client()
    wanted = {"RAIDType": "RAID1", "Name": "root"}
    finished(client, client.ask("POST", f"{SECOND}/Storage/RAID.1/Volumes", wanted))
    ((mine,), (theirs,)) = [
        raid.connect(info(lab, path)).stores(timeout_s=S) for path in (FIRST, SECOND)
    ]
    assert (len(mine.drives), len(mine.volumes)) == (2, 0)
    assert (len(theirs.drives), len(theirs.volumes)) == (3, 1)


def test_inspection_and_sensors_tell_of_the_right_machine(
    lab: RedfishLab, both: tuple[RedfishBmc, RedfishBmc], sessions: Sessions
) -> None:
    lab.other.power_on()
    connection = RedfishInspect(sessions).connect(info(lab, SECOND))
    told = str([connection.inventory_part(p.name, timeout_s=S) for p in connection.inventory_parts])
    assert all(mac in told for mac in lab.other.macs)
    assert not any(mac in told for mac in lab.machine.macs)
    assert "m2SN0" in told
    reports = [bmc.sensors(timeout_s=S) for bmc in both]
    drawn = [
        said["power_consumed_watts"]
        for report in reports
        for said in report.readings["Power"].values()
        if "power_consumed_watts" in said
    ]
    assert drawn == [12, 180]
    assert reports[1].extra["UUID"] == lab.other.uuid


def follow(lab: RedfishMachine, firmware: FirmwareOfSystem, look: BmcStepLook, step: Any) -> str:
    for _ in range(200):
        if look.state is None:
            return look.message
        if look.restarts:
            lab.reset()
        look = step.look(firmware, look.state, S)
        time.sleep(0.05)
    raise AssertionError(look.message)


def is_pushed_only(faults: RedfishFaults) -> str:
    return "pushed" if faults.only_pushed else "fetched"


@pytest.mark.parametrize(
    "faults", [RedfishFaults(), RedfishFaults(only_pushed=True)], ids=is_pushed_only
)
def test_an_image_is_for_the_machine_that_it_was_ordered_for(
    lab: RedfishLab, sessions: Sessions, faults: RedfishFaults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redfish_firmware_steps, "_SETTLES_S", 1.0)
    lab.bmc.set_faults(faults)
    lab.other.power_on()
    driver = RedfishFirmware(Settings(firmware_update_timeout_s=60), sessions)
    (step,) = driver.steps({})
    first, second = (driver.connect(info(lab, path)) for path in (FIRST, SECOND))
    updates = [
        {"component": name.lower(), "url": lab.http.publish(name, firmware_image(name, "9.9"))}
        for name in ("BIOS", "BMC")
    ]
    look = step.begin(second, {"settings": updates}, S)
    assert follow(lab.other, second, look, step) == "bios: 1.0.0 -> 9.9; bmc: 2.0.0 -> 9.9"
    versions = [
        {one.component: one.current_version for one in firmware.firmware_components(timeout_s=S)}
        for firmware in (first, second)
    ]
    assert versions == [
        {"bios": "1.0.0", "bmc": "2.0.0", "NIC": "3.0.0"},
        {"bios": "9.9", "bmc": "9.9", "NIC2": "3.0.0"},
    ]


def test_a_task_of_the_other_machine_is_not_taken_for_ones_own(
    lab: RedfishLab, sessions: Sessions
) -> None:
    """As after a controller that ordered and died: a task that was not there before may be the other machine's."""
    driver = RedfishFirmware(Settings(firmware_update_timeout_s=60), sessions)
    (step,) = driver.steps({})
    first, second = (driver.connect(info(lab, path)) for path in (FIRST, SECOND))
    urls = [
        f"{lab.http.publish(f'{n}.bin', firmware_image('BIOS', f'{n}.5'))}?for=bios&signed=7"
        for n in (7, 8)
    ]
    look = step.begin(first, {"settings": [{"component": "bios", "url": urls[0]}]}, S)
    second.update("bios", urls[1], SECOND, timeout_s=S)
    before = look.state
    assert before is not None
    look = step.look(first, before, S)
    assert look.message == "bios: its update was ordered"
    step.look(first, before, S)  # nobody has stored what the first look found
    assert images(lab, first) == [urls[1], urls[0]]


def test_a_pushed_image_is_known_by_what_it_is_for(lab: RedfishLab, sessions: Sessions) -> None:
    lab.bmc.set_faults(RedfishFaults(only_pushed=True))
    driver = RedfishFirmware(Settings(firmware_update_timeout_s=60), sessions)
    (step,) = driver.steps({})
    first, second = (driver.connect(info(lab, path)) for path in (FIRST, SECOND))
    url = lab.http.publish("7.bin", firmware_image("BIOS", "7.6"))
    begun = step.begin(first, {"settings": [{"component": "bios", "url": url}]}, S).state
    assert begun is not None
    before = {**begun, "intent": "of a controller that ordered and died"}
    second.update("bios", url, SECOND, timeout_s=S)
    first.update("bios", url, before["target"], timeout_s=S)
    wait_until(lambda: len(images(lab, first)) == 2, 20, "both pushes")
    taken_up = step.look(first, before, S).state
    assert taken_up is not None
    payload = lab.client().get(taken_up["task"])["Payload"]["JsonBody"]
    assert json.loads(payload) == {"Targets": [before["target"]]}
    assert len(images(lab, first)) == 2


def images(lab: RedfishLab, firmware: FirmwareOfSystem) -> list[str | None]:
    """Return the images of the BMC's tasks, as it keeps their orders."""
    payloads = [
        lab.client().get(path).get("Payload", {}).get("JsonBody", "{}")
        for path in firmware.tasks(timeout_s=S)
    ]
    return [json.loads(one).get("ImageURI") for one in payloads]


def test_what_a_manager_has_for_several_machines_is_done_to_none_of_them(
    lab: RedfishLab, both: tuple[RedfishBmc, RedfishBmc]
) -> None:
    lab.bmc.set_faults(RedfishFaults(shared_manager=True))
    image = lab.http.publish("boot.iso", b"an image")
    first, second = both
    first.power_on(timeout_s=S)
    with pytest.raises(BmcError, match="those of several machines; boot it from the network"):
        second.attach_media(MediaDevice.CDROM, image, timeout_s=S)
    assert (lab.machine.media, lab.other.media) == ({}, {})
    assert second.log(10, timeout_s=S).entries
    with pytest.raises(BmcError, match="log is that of several machines"):
        second.clear_log(timeout_s=S)
    wish = parse_wish(info(lab, SECOND))
    with pytest.raises(BmcError, match="does not say how this one's console is reached"):
        second._calls.ask("console", S, lambda system: choose(system, wish))
    wish = parse_wish({**info(lab, SECOND), "redfish_console_port": 2222})
    way = second._calls.ask("console", S, lambda system: choose(system, wish))
    assert way.port == 2222


@pytest.mark.parametrize("path", [FIRST, SECOND])
def test_the_console_is_entered_by_each_systems_own_command(lab: RedfishLab, path: str) -> None:
    lab.bmc.set_faults(RedfishFaults(console_ways=("SSH",), console_command="console"))
    bmc, wish = RedfishDriver(Sessions()).connect(info(lab, path)), parse_wish(info(lab, path))
    way = bmc._calls.ask("console", S, lambda system: choose(system, wish))
    assert way == Way(is_ssh=True, port=22, command=f"console {path[-1]}")


def test_one_session_is_used_for_both(lab: RedfishLab, both: tuple[RedfishBmc, RedfishBmc]) -> None:
    for bmc in both:
        bmc.power_state(timeout_s=S)
    assert len(lab.client().get("SessionService/Sessions")["Members"]) == 1


def test_a_login_that_was_refused_for_one_is_not_tried_for_the_other(
    lab: RedfishLab, sessions: Sessions
) -> None:
    driver = RedfishDriver(sessions)
    wrong = [{**info(lab, path), "redfish_password": "wrong-one"} for path in (FIRST, SECOND)]
    with pytest.raises(BmcAuthenticationFailed, match="tried again in"):
        driver.connect(wrong[0]).power_state(timeout_s=S)
    lab.bmc.stop()  # the second one does not even ask
    with pytest.raises(BmcAuthenticationFailed, match="tried again in"):
        driver.connect(wrong[1]).power_state(timeout_s=S)
    lab.bmc.start()


def test_orders_for_both_at_once_come_one_after_the_other(
    lab: RedfishLab, both: tuple[RedfishBmc, RedfishBmc]
) -> None:
    failed: list[ControllerError] = []

    def work(order: Callable[..., object]) -> None:
        try:
            order(timeout_s=S)
        except ControllerError as error:
            failed.append(error)

    orders = [order for bmc in both for order in (bmc.power_on, bmc.sensors, bmc.power_state)]
    threads = [threading.Thread(target=work, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    assert lab.machine.is_on
    assert lab.other.is_on


def test_the_machines_stay_when_the_bmc_restarts(
    lab: RedfishLab, both: tuple[RedfishBmc, RedfishBmc], tmp_path: Path
) -> None:
    both[1].power_on(timeout_s=S)
    client: Client = lab.client()
    assert client.ask("POST", "Managers/BMC2/Actions/Manager.Reset", {}).status_code == 204
    assert both[1].power_state(timeout_s=S) is PowerState.ON
    managers = [one["@odata.id"] for one in client.get("Managers")["Members"]]
    assert managers == ["/redfish/v1/Managers/BMC2", "/redfish/v1/Managers/BMC"]
    assert client.ask("GET", "Systems/3").status_code == 404
