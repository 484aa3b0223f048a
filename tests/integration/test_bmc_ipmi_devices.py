"""Sensors, event log, lamp and health of the laboratory's IPMI BMC, by both drivers; ``ipmitool``'s own words are the judge."""

import subprocess
from collections.abc import Iterator, Mapping

import pytest

from controller.bmc.ipmi import IpmiDriver
from controller.errors import BmcError, BmcUnreachable
from controller.hardware.abilities import Health, IndicatorState
from controller.hardware.bmc import BootDevice, BootMode
from tests.integration.bmc_doubles import LabMachine
from tests.integration.ipmi_fixtures import Driver, driver, shared_machine
from tests.lab import hardware

__all__ = ["driver", "shared_machine"]

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

SUPERMICRO = 10876
INTEL = 343


@pytest.fixture
def machine(shared_machine: LabMachine) -> Iterator[LabMachine]:
    shared_machine.bmc.set_faults()
    shared_machine.chassis.is_on = True
    ipmitool(shared_machine, "sel", "clear")
    with shared_machine.network.inside():
        yield shared_machine


def ipmitool(machine: LabMachine, *words: str) -> str:
    """Return what the program says of the BMC."""
    login = ["-I", "lanplus", "-H", machine.bmc.address, "-U", machine.bmc.username, "-C", "17"]
    command = ["ipmitool", *login, "-P", machine.bmc.password, *words]
    with machine.network.inside():
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def as_ironic_reads(printed: str) -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """Return what Ironic makes of ``ipmitool sdr -v``: lines with one colon, sensors by the first word of their type."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for block in printed.split("\n\n"):
        pairs = [line.split(":") for line in block.splitlines() if line.count(":") == 1]
        said = {key.strip(): value.strip() for key, value in pairs}
        kind = next((said[key] for key in said if key.startswith("Sensor Type")), None)
        if kind and "Sensor Reading" in said:
            found.setdefault(kind.split(" ")[0], {})[said["Sensor ID"]] = said
    return found


def same_keys(ours: Mapping[str, str], theirs: Mapping[str, str]) -> dict[str, str | None]:
    return {key: theirs.get(key) for key in ours if key != "States"}


@pytest.mark.parametrize(("is_on", "in_pieces"), [(True, True), (False, False)])
def test_sensors_are_what_ironic_would_read(
    driver: Driver, machine: LabMachine, is_on: bool, in_pieces: bool
) -> None:
    machine.chassis.is_on = is_on
    machine.bmc.set_faults(in_pieces=in_pieces)
    report = driver.connect(machine.info).sensors(timeout_s=60)
    judged = as_ironic_reads(ipmitool(machine, "sdr", "-v"))
    assert {kind: set(found) for kind, found in report.readings.items()} == {
        kind: set(found) for kind, found in judged.items()
    }
    for kind, sensors in report.readings.items():
        for name, said in sensors.items():
            states = {key: said[key] for key in said if key == "States"}
            assert said == {**same_keys(said, judged[kind][name]), **states}
    assert report.readings["Power"]["PS1 Status (0x40)"]["States"] == "Present"
    assert report.left_out == 0
    assert report.health is Health.OK


def test_what_a_slow_bmc_does_not_say_in_time_is_left_out(machine: LabMachine) -> None:
    driver = IpmiDriver()
    try:
        bmc = driver.connect(machine.info)
        whole = bmc.sensors(timeout_s=60)
        machine.bmc.set_faults(slow_s=0.4)
        part = bmc.sensors(timeout_s=4)
        assert 0 < part.count < whole.count
        assert part.count + part.left_out == whole.count
        machine.bmc.set_faults(unreachable=True)
        with pytest.raises(BmcUnreachable, match="read sensors"):
            bmc.sensors(timeout_s=2)
    finally:
        driver.close()


@pytest.mark.parametrize(
    ("raw", "status", "health"),
    [(90, "Upper Non-Critical", Health.WARNING), (97, "Upper Critical", Health.CRITICAL)],
)
def test_a_crossed_threshold_shows_in_status_and_health(
    driver: Driver, machine: LabMachine, raw: int, status: str, health: Health
) -> None:
    machine.bmc.set_faults(readings={"CPU1 Temp": raw})
    report = driver.connect(machine.info).sensors(timeout_s=60)
    said = report.readings["Temperature"]["CPU1 Temp (0x2)"]
    assert said["Status"] == status
    judged = as_ironic_reads(ipmitool(machine, "sdr", "-v"))["Temperature"]["CPU1 Temp (0x2)"]
    assert same_keys(said, judged) == said
    assert report.health is health


def test_faults_of_the_chassis_are_its_health(driver: Driver, machine: LabMachine) -> None:
    bmc = driver.connect(machine.info)
    assert bmc.health(timeout_s=10) is None
    for faults, health in (
        ({"part_faults": 0x08}, Health.WARNING),
        ({"part_faults": 0x04}, Health.WARNING),
        ({"power_faults": 0x08}, Health.CRITICAL),
        ({"power_faults": 0x02, "part_faults": 0x04}, Health.CRITICAL),
    ):
        machine.bmc.set_faults(**faults)
        bmc.power_state(timeout_s=10)
        assert bmc.health(timeout_s=10) is health
    assert "Cooling/Fan Fault    : false" in ipmitool(machine, "chassis", "status")
    assert "Drive Fault          : true" in ipmitool(machine, "chassis", "status")


def test_the_identify_lamp_is_switched_and_seen(driver: Driver, machine: LabMachine) -> None:
    bmc = driver.connect(machine.info)
    assert list(bmc.indicators(timeout_s=10)["chassis"]) == ["identify"]
    for state, bits in ((IndicatorState.ON, "60"), (IndicatorState.OFF, "40")):
        bmc.set_indicator_state("chassis", "identify", state, timeout_s=10)
        assert bmc.indicator_state("chassis", "identify", timeout_s=10) is state
        assert ipmitool(machine, "raw", "0x00", "0x01").split()[2] == bits
    ipmitool(machine, "chassis", "identify", "30")
    assert bmc.indicator_state("chassis", "identify", timeout_s=10) is IndicatorState.ON


EVENTS = (
    # what is added, what the log says
    (
        (0x04, 0x01, 0x02, 0x01, 0x59, 97, 95),
        "Upper critical",
        Health.CRITICAL,
        "Temperature CPU1 Temp",
    ),
    (
        (0x04, 0x08, 0x40, 0x6F, 0x01, 0xFF, 0xFF),
        "Failure",
        Health.CRITICAL,
        "Power Supply PS1 Status",
    ),
    ((0x04, 0x08, 0x40, 0xEF, 0x01, 0xFF, 0xFF), "Recovered", Health.OK, "Power Supply PS1 Status"),
    (
        (0x04, 0x0D, 0x41, 0x6F, 0x02, 0xFF, 0xFF),
        "Predictive drive failure",
        Health.WARNING,
        "Drive 0",
    ),
    ((0x04, 0x01, 0x99, 0x01, 0x57, 0x10, 0x20), "Upper non-critical", Health.WARNING, "0x99"),
)


def add_event(machine: LabMachine, event: tuple[int, ...]) -> None:
    record = (0, 0, 2, 0, 0, 0, 0, 0x20, 0, *event)
    ipmitool(machine, "raw", "0x0a", "0x44", *(f"0x{byte:02x}" for byte in record))


def test_the_event_log_is_read_newest_first_and_cleared(
    driver: Driver, machine: LabMachine
) -> None:
    bmc = driver.connect(machine.info)
    assert bmc.log(10, timeout_s=30).entries == ()
    for event, *_ in EVENTS:
        add_event(machine, event)
    log = bmc.log(10, timeout_s=30)
    assert log.total == len(EVENTS)
    judged = ipmitool(machine, "sel", "list").splitlines()
    assert [int(entry.id, 16) for entry in log.entries] == [
        int(line.split("|")[0], 16) for line in reversed(judged)
    ]
    for entry, (_, message, severity, sensor) in zip(log.entries, reversed(EVENTS), strict=True):
        assert (message in entry.message, entry.severity) == (True, severity)
        assert sensor in entry.sensor
        assert entry.created_at is not None
    assert "reading 97, threshold 95" in log.entries[-1].message
    assert [entry.id for entry in bmc.log(2, timeout_s=30).entries] == [
        entry.id for entry in log.entries[:2]
    ]
    bmc.clear_log(timeout_s=30)
    assert bmc.log(10, timeout_s=30).total == 0
    assert "SEL has no entries" in ipmitool(machine, "sel", "list") or not ipmitool(
        machine, "sel", "list"
    )


def test_a_log_that_is_not_cleared_although_the_bmc_says_so_is_an_error(
    driver: Driver, machine: LabMachine
) -> None:
    add_event(machine, EVENTS[0][0])
    add_event(machine, EVENTS[1][0])
    machine.bmc.set_faults(keeps_log=True)
    with pytest.raises(BmcError, match="2 entries are still there"):
        driver.connect(machine.info).clear_log(timeout_s=30)


def test_supermicros_disk_has_another_code_for_uefi(driver: Driver, machine: LabMachine) -> None:
    machine.bmc.set_faults(maker=SUPERMICRO)
    bmc = driver.connect(machine.info)
    for mode in (BootMode.UEFI, BootMode.BIOS):
        bmc.set_boot_device(BootDevice.DISK, mode=mode, persistent=True, timeout_s=10)
        override = machine.chassis.boot_override
        assert override is not None
        assert override.device is hardware.BootDevice.DISK
        raw = ipmitool(machine, "raw", "0x00", "0x09", "5", "0", "0").split()
        assert raw[3] == ("24" if mode is BootMode.UEFI else "08")
        assert bmc.boot_device(timeout_s=10).device is BootDevice.DISK


def test_a_bmc_that_refuses_to_boot_by_bios_is_explained_by_its_maker(
    driver: Driver, machine: LabMachine
) -> None:
    machine.bmc.set_faults(maker=INTEL)
    bmc = driver.connect(machine.info)
    with pytest.raises(BmcError, match=r"invalid data .*\(0xcc\).*Intel.*boot_mode:uefi"):
        bmc.set_boot_device(BootDevice.PXE, mode=BootMode.BIOS, persistent=False, timeout_s=10)
    bmc.set_boot_device(BootDevice.PXE, mode=BootMode.UEFI, persistent=False, timeout_s=10)
    assert bmc.boot_device(timeout_s=10).device is BootDevice.PXE
