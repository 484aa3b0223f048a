"""Other projects judge the laboratory's Redfish BMC: sushy (Ironic's client), DMTF's validator and DMTF's command line tools."""

import csv
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.redfish_doubles import RedfishLab, RedfishMachine, redfish_lab
from tests.lab.program import run as run_program
from tests.lab.redfish.faults import RedfishFaults
from tests.lab.redfish.orders.hardware import firmware_image

PEER = Path(__file__).parents[2] / "build/peers/redfish/bin"
SESSION = Path(__file__).with_name("sushy_session.py")
VALIDATOR = Path(__file__).with_name("protocol_validator_with_streams.py")
RESULTS = frozenset({"PASS", "FAIL", "WARN", "NOT_TESTED"})
ON_AND_OFF = {
    "On": "On",
    "ForceRestart": "On",
    "Nmi": "On",
    "GracefulShutdown": "Off",
    "PushPowerButton": "On",
    "ForceOff": "Off",
}

pytestmark = [
    pytest.mark.root,
    pytest.mark.interop,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not PEER.exists(), reason="make build/stamps/peer-redfish"),
]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[RedfishLab]:
    with redfish_lab(tmp_path) as made:
        yield made


def run(lab: RedfishLab, *words: str, given: str = "") -> str:
    """Run a program of the peers inside the lab, our certificate trusted, and return what it printed."""
    program, *arguments = words
    done = subprocess.run(
        lab.network.command(str(PEER / program), *arguments),
        input=given,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
        env={**os.environ, "REQUESTS_CA_BUNDLE": str(lab.bmc.certificate)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tool(lab: RedfishLab, name: str, *words: str) -> str:
    """Run one of DMTF's command line tools with the BMC's address and password."""
    bmc = lab.bmc
    return run(lab, name, "-u", bmc.username, "-p", bmc.password, "-r", bmc.url, *words)


@pytest.mark.parametrize("session", [True, False], ids=["session", "basic"])
@pytest.mark.parametrize(
    "faults",
    [RedfishFaults(), RedfishFaults(tasks=True, changing_ids=True, task_s=1)],
    ids=["plain", "odd"],
)
def test_sushy_drives_all_of_it(lab: RedfishLab, faults: RedfishFaults, session: bool) -> None:
    lab.bmc.set_faults(faults)
    seen = driven_by_sushy(lab, session=session)
    check_driven(lab.machine, seen)
    assert seen["firmware"]["BIOS"] == "7.7"


@pytest.mark.parametrize("number", [1, 2])
def test_sushy_drives_each_of_two_machines_and_the_other_stays_as_it_was(
    lab: RedfishLab, number: int
) -> None:
    lab.bmc.add(lab.other)
    mine, other = [lab.machine, lab.other][:: 3 - 2 * number]
    seen = driven_by_sushy(lab, number=number, targets=[f"/redfish/v1/Systems/{number}"])
    check_driven(mine, seen)
    versions = [seen["firmware"][name] for name in ("BIOS", "BIOS2")]
    assert versions == (["7.7", "1.0.0"] if number == 1 else ["1.0.0", "7.7"])
    assert (other.is_on, other.boots, other.interrupts, other.media) == (False, 0, 0, {})


def driven_by_sushy(
    lab: RedfishLab, *, session: bool = True, number: int = 1, targets: list[str] | None = None
) -> dict[str, Any]:
    """Have sushy do everything to one of the machines, and return what it saw."""
    asked = {
        "url": lab.bmc.url,
        "username": lab.bmc.username,
        "password": lab.bmc.password,
        "certificate": str(lab.bmc.certificate),
        "session": session,
        "image": lab.http.publish("boot.iso", b"an image"),
        "system": number,
        "targets": targets,
        "firmware": lab.http.publish("bios.bin", firmware_image("BIOS", "7.7")),
    }
    seen: dict[str, Any] = json.loads(run(lab, "python", str(SESSION), given=json.dumps(asked)))
    return seen | {"image": asked["image"]}


def check_driven(machine: RedfishMachine, seen: dict[str, Any]) -> None:
    """Compare what sushy saw with what there is."""
    image = seen["image"]
    assert seen["resets"] == ON_AND_OFF
    assert machine.interrupts == 1
    assert seen["overrides"] == [
        [target, enabled, "UEFI"]
        for target in ("Pxe", "Cd", "Hdd", "BiosSetup")
        for enabled in ("Once", "Continuous")
    ]
    assert (seen["http_boot"], seen["disabled"]) == (["UefiHttp", image], "Disabled")
    assert (seen["inserted"], seen["ejected"]) == ([True, image], False)
    assert seen["pending"] == {"ProcVirtualization": "Disabled"}
    assert (seen["bios"], seen["bios_reset"]) == ("Disabled", "Enabled")
    assert (seen["secure_boot"], seen["secure_boot_mode"]) == ([True, "Enabled"], "SetupMode")
    assert (seen["create"], seen["delete"]) == ("Completed", ["Completed"])
    assert (seen["volumes"], seen["volumes_left"]) == ([["root", "RAID1", 1 << 30]], 0)
    assert seen["task"] == "Completed"
    assert (seen["led"], seen["temperatures"], seen["watts"]) == ("Lit", 2, 180)
    assert not machine.is_on


@pytest.mark.parametrize("count", [1, 2], ids=["one machine", "two machines"])
def test_dmtfs_protocol_validator_finds_nothing_to_complain_about(
    lab: RedfishLab, tmp_path: Path, count: int
) -> None:
    if count > 1:
        lab.bmc.add(lab.other)
    reports = tmp_path / "reports"
    reports.mkdir()
    bmc, bridge = lab.bmc, lab.network.bridge
    run_program(*lab.network.command("ip", "route", "add", "239.0.0.0/8", "dev", bridge))
    with lab.network.inside():
        protocols = "Managers/BMC/NetworkProtocol"
        lab.client().ask("PATCH", protocols, {"SSDP": {"ProtocolEnabled": True}})
    login = ("-u", bmc.username, "-p", bmc.password, "-r", bmc.url)
    words = ("--no-cert-check", "--avoid-http-redirect", "--report-dir", str(reports))
    run(lab, "python", str(VALIDATOR), *login, *words, "--report-type", "tsv")
    (report,) = reports.glob("*.tsv")
    with report.open(newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))
    results = [next((cell for cell in row if cell in RESULTS), "") for row in rows]
    assert [row for row, result in zip(rows, results, strict=True) if result == "FAIL"] == []
    assert results.count("PASS") > 370
    named = [(row[0], result) for row, result in zip(rows, results, strict=True)]
    optional = ("SERV_SSE_", "SERV_SSDP_")
    left = {name for name, result in named if name.startswith(optional) and result != "PASS"}
    assert left == {"SERV_SSE_JSON_METRIC_REPORT_FORMAT"}


def test_dmtfs_command_line_tools_drive_it(lab: RedfishLab) -> None:
    tool(lab, "rf_power_reset.py", "--type", "On")
    assert lab.machine.is_on
    tool(lab, "rf_boot_override.py", "--target", "Pxe")
    assert lab.machine.boot_override is not None
    image = lab.http.publish("boot.iso", b"an image")
    tool(lab, "rf_virtual_media.py", "insert", "--image", image, "--id", "Cd")
    assert lab.machine.media == {"Cd": b"an image"}
    tool(lab, "rf_virtual_media.py", "eject", "--id", "Cd")
    assert lab.machine.media == {}
    tool(lab, "rf_bios_settings.py", "--attribute", "NumLock", "Off")
    lab.machine.reset()
    assert "Off" in tool(lab, "rf_bios_settings.py")
    firmware = lab.http.publish("nic.bin", firmware_image("NIC", "9.1"))
    tool(lab, "rf_update.py", "--image", firmware, "--applytime", "Immediate")
    assert "9.1" in tool(lab, "rf_firmware_inventory.py")
    assert "Inlet" in tool(lab, "rf_sensor_list.py")
    assert "ComputerSystem.Reset" in tool(lab, "rf_logs.py")
