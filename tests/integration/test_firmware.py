"""Firmware: fwupd's own test device by the real fwupdtool; drives and cards by stand-ins that answer like nvme-cli and mstflint."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.errors import FirmwareError
from agent.hardware.capabilities import HardwareManager, Support
from agent.hardware.registry import Hardware
from agent.system.runner import HostRunner
from hardware_managers.firmware.fwupd import FwupdFirmware
from hardware_managers.firmware.nics import NicFirmware
from hardware_managers.firmware.nvme import NvmeFirmware
from hardware_managers.firmware.update_step import update
from tests.unit.fakes import Tools

CABINET = Path("/usr/share/installed-tests/fwupd/fakedevice124.cab")
WEBCAM = "fwupd:b585990a-003e-5270-89d5-3705a17f9a43"
URL = "http://192.0.2.1/firmware"
NVME = """#!/usr/bin/python3
import json, os, sys
from pathlib import Path
state = Path(os.environ["DRIVE"])
drive = json.loads(state.read_text())
command, words = sys.argv[1], sys.argv[2:]
if command == "id-ctrl":
    print(json.dumps({"fr": drive["runs"] + "    ", "mn": "Lab", "sn": "S1", "frmw": 0x16, "oacs": 4}))
elif command == "fw-log":
    slots = {f"Firmware Rev Slot {n}": f"1 ({v})" for n, v in drive["slots"].items()}
    print(json.dumps({"nvme0": {"Active Firmware Slot (afi)": 1, **slots}}))
elif command == "fw-download":
    drive["image"] = Path(words[1].removeprefix("--fw=")).read_text()
elif command == "fw-commit":
    slot = words[1].removeprefix("--slot=")
    if drive["image"] == "refused":
        print("NVMe status: Invalid Firmware Image(0x107)", file=sys.stderr)
        sys.exit(7)
    if drive["image"] == "later":
        drive["slots"][slot] = "later"
        state.write_text(json.dumps(drive))
        print("Success committing firmware action:3 slot:2, but firmware requires conventional reset (0x10b)")
        sys.exit(11)
    if drive["image"] != "ignored":
        drive["slots"][slot] = drive["image"]
        drive["runs"] = drive["image"]
state.write_text(json.dumps(drive))
"""
MSTFLINT = """#!/usr/bin/python3
import os, sys
from pathlib import Path
card = Path(os.environ["CARD"])
words = sys.argv[1:]
is_card = "-d" in words
image = Path(words[words.index("-i") + 1]).read_text() if "-i" in words else card.read_text()
if "burn" in words:
    card.write_text(card.read_text() if "stubborn" in image else image)
else:
    print(card.read_text() if is_card else image)
"""


@pytest.fixture
def fwupd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FwupdFirmware:
    if not CABINET.exists():
        pytest.skip("needs the packages fwupd and fwupd-tests")
    settings = tmp_path / "fwupd"
    settings.mkdir()
    (settings / "fwupd.conf").write_text("[fwupd]\nTestDevices=true\n")
    monkeypatch.setenv("CONFIGURATION_DIRECTORY", str(settings))
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    return FwupdFirmware(HostRunner())


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, program: str) -> None:
    tools = folder / "bin"
    tools.mkdir(exist_ok=True)
    (tools / name).write_text(program)
    (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")


def run(
    folder: Path, updater: Any, settings: list[dict[str, Any]], files: Mapping[str, bytes]
) -> dict[str, Any]:
    manager = HardwareManager(
        name="one", version="1", support=Support.GENERIC, firmware_updaters=(updater,)
    )
    work = folder / "work"
    work.mkdir()
    tools = Tools(HostRunner(), work, files)
    return update(tools.context(Hardware([manager]), args={"settings": settings}))


def order(component: str, content: bytes, **more: Any) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    return {"component": component, "url": URL, "checksum": digest, **more}


def test_fwupds_devices_are_listed_by_id_and_guid(fwupd: FwupdFirmware) -> None:
    (webcam,) = [one for one in fwupd.components() if WEBCAM in one.aliases]
    assert webcam.version == "1.2.2"


def test_a_device_that_keeps_its_version_though_fwupd_reports_success_is_named(
    fwupd: FwupdFirmware, tmp_path: Path
) -> None:
    content = CABINET.read_bytes()  # the test device forgets what was installed when the tool ends
    with pytest.raises(FirmwareError, match=r"reported success and the device still has 1\.2\.2"):
        run(tmp_path, fwupd, [order(WEBCAM, content)], {URL: content})


def test_a_file_that_is_no_cabinet_is_refused_and_the_device_named(
    fwupd: FwupdFirmware, tmp_path: Path
) -> None:
    with pytest.raises(FirmwareError, match=r"not updated: .*fwupdtool install"):
        run(tmp_path, fwupd, [order(WEBCAM, b"rubbish")], {URL: b"rubbish"})


@pytest.fixture
def drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NvmeFirmware:
    state = tmp_path / "drive.json"
    state.write_text('{"runs": "1.0", "slots": {"1": "1.0"}}')
    monkeypatch.setenv("DRIVE", str(state))
    stand_in(tmp_path, monkeypatch, "nvme", NVME)
    (tmp_path / "class/nvme0").mkdir(parents=True)
    return NvmeFirmware(HostRunner(), tmp_path / "class")


def test_a_drive_gets_its_firmware_into_a_free_slot(drive: NvmeFirmware, tmp_path: Path) -> None:
    done = run(tmp_path, drive, [order("nvme", b"2.0", version="2.0")], {URL: b"2.0"})
    (evidence,) = done["updated"]
    assert (evidence["before"], evidence["after"]) == ("1.0", "2.0")
    assert "slot 2" in evidence["detail"]
    assert done["reboot_needed"] is False


def test_a_drive_that_has_the_version_is_left_alone(drive: NvmeFirmware, tmp_path: Path) -> None:
    done = run(tmp_path, drive, [order("nvme:nvme0", b"x", version="1.0")], {})
    assert done == {"updated": [], "left": ["nvme:nvme0: has 1.0 already"], "reboot_needed": False}


def test_a_drive_that_takes_an_image_and_does_not_store_it_is_named(
    drive: NvmeFirmware, tmp_path: Path
) -> None:
    with pytest.raises(FirmwareError, match="slot 2 has nothing as before"):
        run(tmp_path, drive, [order("nvme", b"ignored")], {URL: b"ignored"})


def test_a_drive_that_refuses_an_image_is_named(drive: NvmeFirmware, tmp_path: Path) -> None:
    (tmp_path / "drive.json").write_text('{"runs": "1.0", "slots": {"1": "1.0", "2": "0.9"}}')
    with pytest.raises(FirmwareError, match="Invalid Firmware Image"):
        run(tmp_path, drive, [order("nvme", b"refused")], {URL: b"refused"})


def test_a_drive_that_wants_a_reset_first_has_the_machine_restarted(
    drive: NvmeFirmware, tmp_path: Path
) -> None:
    done = run(tmp_path, drive, [order("nvme", b"later")], {URL: b"later"})
    assert done["updated"][0]["after"] == "later"
    assert done["reboot_needed"] is True


def test_a_file_that_brings_another_version_than_wanted_is_named(
    drive: NvmeFirmware, tmp_path: Path
) -> None:
    with pytest.raises(FirmwareError, match=r"has 2\.0 now, and 3\.0 was wanted"):
        run(tmp_path, drive, [order("nvme", b"2.0", version="3.0")], {URL: b"2.0"})


def card_text(version: str, board: str = "MT_0000000008", more: str = "") -> str:
    return f"FW Version:            {version}\nPSID:                  {board}\n{more}"


@pytest.fixture
def nic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NicFirmware:
    (tmp_path / "card").write_text(card_text("16.32.1010"))
    monkeypatch.setenv("CARD", str(tmp_path / "card"))
    stand_in(tmp_path, monkeypatch, "mstflint", MSTFLINT)
    pci = tmp_path / "pci"
    for address in ("0000:3b:00.0", "0000:3b:00.1"):
        folder = pci / address
        folder.mkdir(parents=True)
        for name, value in {"vendor": "0x15b3", "device": "0x1017", "class": "0x020000"}.items():
            (folder / name).write_text(value + "\n")
    return NicFirmware(HostRunner(), pci)


def test_a_card_of_two_ports_is_burnt_once(nic: NicFirmware, tmp_path: Path) -> None:
    image = card_text("16.35.2000").encode()
    done = run(tmp_path, nic, [order("nic", image)], {URL: image})
    (evidence,) = done["updated"]
    assert evidence["after"] == "16.35.2000"
    assert done["reboot_needed"] is True


def test_an_image_for_another_board_is_not_burnt(nic: NicFirmware, tmp_path: Path) -> None:
    image = card_text("16.35.2000", board="MT_9999999999").encode()
    with pytest.raises(FirmwareError, match="nothing was burnt"):
        run(tmp_path, nic, [order("nic", image)], {URL: image})
    assert "16.32.1010" in (tmp_path / "card").read_text()


def test_a_card_that_keeps_its_flash_is_named(nic: NicFirmware, tmp_path: Path) -> None:
    image = card_text("16.35.2000", more="stubborn").encode()
    with pytest.raises(FirmwareError, match=r"flash holds 16\.32\.1010, not 16\.35\.2000"):
        run(tmp_path, nic, [order("nic", image)], {URL: image})
