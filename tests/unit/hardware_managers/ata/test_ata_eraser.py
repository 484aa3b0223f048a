from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import EraseError
from agent.hardware.erasing import ErasePlan, EraseWish
from agent.protocol.commands import Progress
from hardware_managers.ata.eraser import AtaEraser
from tests.unit.fakes import disk
from tests.unit.hardware_managers.ata.words import (
    BLOCK,
    ENABLED,
    ENHANCED,
    LOCKED,
    SANITIZE,
    SUPPORTED,
    istdout,
)
from tests.unit.hardware_managers.drives import DriveRunner, ImpatientStop, refused, step_tools

DATA = Path(__file__).parents[3] / "data/hdparm"
DISK = replace(disk("/dev/sda"), vendor="ATA     ", transport="sata")
STATES = {
    name: (DATA / f"sanitize-status-{name}.txt").read_text()
    for name in ("done", "running", "failed")
}


class Drive:
    """Obeys security commands as ACS-3 says; hdparm reports no error whatever it does."""

    def __init__(
        self,
        bits: int = SUPPORTED | ENHANCED,
        *,
        password: str | None = None,
        takes_passwords: bool = True,
        erases: bool = True,
    ) -> None:
        self._bits, self._password = bits, password
        self._takes_passwords, self._erases = takes_passwords, erases
        self.w59 = 0
        self.states: list[str] = []
        self.runner = DriveRunner(self)

    def __call__(self, line: str) -> str | None:
        words = line.split(" ")
        if "--Istdout" in words:
            return istdout(w59=self.w59, w128=self._bits)
        if "--sanitize-status" in words:
            return self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if "--sanitize-block-erase" in words:
            return ""
        order, given = words[3], words[4]
        if order == "--security-unlock" and given == self._password:
            self._bits &= ~LOCKED
        elif order == "--security-set-pass" and self._takes_passwords and not self._bits & LOCKED:
            self._bits, self._password = self._bits | ENABLED, given
        elif order.startswith("--security-erase") and self._erases and given == self._password:
            self._bits, self._password = self._bits & ~(ENABLED | LOCKED), None
        elif order == "--security-disable" and given == self._password:
            self._bits &= ~ENABLED
        return ""


def strongest(eraser: AtaEraser) -> ErasePlan:
    return eraser.plans(DISK, EraseWish())[0]


def test_disks_that_are_no_ata_drives_or_behind_usb_are_none_of_its_business() -> None:
    eraser = AtaEraser(Drive().runner)
    assert eraser.plans(replace(DISK, vendor="SEAGATE"), EraseWish()) == ()
    assert eraser.plans(replace(DISK, transport="usb"), EraseWish()) == ()


def test_the_drive_takes_a_password_and_loses_it_by_the_erasure() -> None:
    drive = Drive()
    eraser = AtaEraser(drive.runner)
    evidence = eraser.erase(strongest(eraser), step_tools(drive.runner))
    assert evidence.method == "ATA enhanced secure erase"
    assert "password set" not in evidence.log_after
    orders = [line for line in drive.runner.lines if "--security" in line]
    assert orders == [
        "hdparm --user-master u --security-set-pass NULL /dev/sda",
        "hdparm --user-master u --security-erase-enhanced NULL /dev/sda",
    ]


def test_a_drive_that_ignores_the_password_is_named_although_hdparm_reports_no_error() -> None:
    drive = Drive(takes_passwords=False)
    eraser = AtaEraser(drive.runner)
    with pytest.raises(EraseError, match="did not take the password"):
        eraser.erase(strongest(eraser), step_tools(drive.runner))
    assert not any("--security-erase" in line for line in drive.runner.lines)


def test_a_drive_that_does_not_erase_is_named_and_left_without_a_password() -> None:
    drive = Drive(erases=False)
    eraser = AtaEraser(drive.runner)
    with pytest.raises(EraseError, match="still set, so it was not carried out"):
        eraser.erase(strongest(eraser), step_tools(drive.runner))
    assert drive.runner.lines[-1] == "hdparm --user-master u --security-disable NULL /dev/sda"
    assert "password set" not in eraser._identify(DISK).summary()


def test_a_locked_drive_is_unlocked_with_the_words_that_erasers_leave() -> None:
    drive = Drive(SUPPORTED | ENABLED | LOCKED, password="")
    eraser = AtaEraser(drive.runner)
    evidence = eraser.erase(strongest(eraser), step_tools(drive.runner))
    assert "locked" not in evidence.log_after


def test_a_drive_locked_by_somebody_says_what_to_do() -> None:
    drive = Drive(SUPPORTED | ENABLED | LOCKED, password="theirs")
    eraser = AtaEraser(drive.runner)
    with pytest.raises(EraseError, match=r"locked with a password that is not known.*PSID"):
        eraser.erase(strongest(eraser), step_tools(drive.runner))


def test_a_sanitize_operation_is_watched_to_its_end() -> None:
    drive = Drive()
    drive.w59 = SANITIZE | BLOCK
    drive.states = [STATES["done"], STATES["done"], STATES["running"], STATES["done"]]
    eraser = AtaEraser(drive.runner)
    told: list[Progress] = []
    evidence = eraser.erase(strongest(eraser), step_tools(drive.runner, told))
    assert evidence.method == "ATA sanitize, block erase"
    assert "Completed Without Error" in evidence.log_after
    assert [round(one.percent or 0) for one in told] == [26]


def test_a_sanitize_operation_that_failed_is_no_success() -> None:
    drive = Drive()
    drive.w59 = SANITIZE | BLOCK
    drive.states = [STATES["done"], STATES["done"], STATES["running"], STATES["failed"]]
    eraser = AtaEraser(drive.runner)
    with pytest.raises(EraseError, match="SD3 Sanitize Operation Failed"):
        eraser.erase(strongest(eraser), step_tools(drive.runner))


def test_a_drive_that_does_not_answer_is_reported() -> None:
    def silent(line: str) -> str | None:
        raise refused(line, "HDIO_DRIVE_CMD(identify) failed")

    (plan,) = AtaEraser(DriveRunner(silent)).plans(DISK, EraseWish())
    assert not plan.levels
    assert "HDIO_DRIVE_CMD" in (plan.obstacle or "")


def test_a_secure_erase_refuses_to_be_stopped_until_the_drive_is_done() -> None:
    drive, stop = Drive(), ImpatientStop()
    refused_at: dict[str, str | None] = {}

    def watched(line: str) -> str | None:
        refused_at[line] = stop.refused
        return drive(line)

    runner = DriveRunner(watched)
    eraser = AtaEraser(runner)
    eraser.erase(strongest(eraser), step_tools(runner, stop=stop))
    order = "hdparm --user-master u --security-erase-enhanced NULL /dev/sda"
    assert "/dev/sda: ATA enhanced secure erase cannot be stopped" in (refused_at[order] or "")
    assert stop.refused is None
