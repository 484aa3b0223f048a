from dataclasses import replace

import pytest

from agent.errors import EraseError
from agent.hardware.erasing import EraseWish
from agent.protocol.commands import Progress
from hardware_managers.scsi.eraser import ScsiEraser
from tests.unit.fakes import disk
from tests.unit.hardware_managers.drives import DriveRunner, refused, step_tools
from tests.unit.hardware_managers.scsi.test_scsi_plan import fixed

DISK = replace(disk("/dev/sda"), vendor="SEAGATE ", hctl="0:0:0:0", transport="sas")
IDLE, BUSY, FAILED = fixed(0, 0, 0), fixed(2, 0x04, 0x1B, 0x4000), fixed(3, 0x31, 0x03)


class Drive:
    """Announces block erase and shows the given sense data one after the other."""

    def __init__(self, *senses: str, refuses: bool = False, is_ready: bool = True) -> None:
        self._senses = list(senses)
        self._refuses, self._is_ready = refuses, is_ready
        self.runner = DriveRunner(self)

    def __call__(self, line: str) -> str | None:
        if line.startswith("sg_opcodes"):
            known = "--opcode=0x48,2" in line
            return "  Command is supported [conforming to SCSI standard]\n" if known else ""
        if line.startswith("sg_requests --hex"):
            return self._senses.pop(0) if len(self._senses) > 1 else self._senses[0]
        if line.startswith("sg_sanitize"):
            if self._refuses:
                raise refused(line, "Illegal request, Invalid opcode")
            return ""
        if line.startswith("sg_turs"):
            if not self._is_ready:
                raise refused(line, "device not ready")
            return ""
        return None


@pytest.mark.parametrize(
    "other",
    [
        replace(DISK, vendor="ATA"),
        replace(DISK, transport="usb"),
        replace(DISK, hctl=None),
        replace(DISK, vendor=None),
    ],
)
def test_disks_of_other_kinds_are_none_of_its_business(other: object) -> None:
    assert ScsiEraser(Drive(IDLE).runner).plans(other, EraseWish()) == ()  # type: ignore[arg-type]


def test_a_sanitize_operation_is_watched_to_its_end() -> None:
    drive = Drive(IDLE, BUSY, IDLE)
    eraser = ScsiEraser(drive.runner)
    (plan,) = eraser.plans(DISK, EraseWish())
    told: list[Progress] = []
    evidence = eraser.erase(plan, step_tools(drive.runner, told))
    assert evidence.method == "SCSI sanitize, block erase"
    assert [one.percent for one in told] == [25]
    assert drive.runner.lines[-1] == "sg_turs /dev/sda"


@pytest.mark.parametrize(
    ("drive", "said"),
    [
        (Drive(IDLE, refuses=True), "the drive refused.*Invalid opcode"),
        (Drive(IDLE, BUSY, FAILED), "the operation failed .sense 0x3/0x31/0x03"),
        (Drive(IDLE, is_ready=False), "not ready afterwards"),
    ],
)
def test_what_went_wrong_is_named(drive: Drive, said: str) -> None:
    eraser = ScsiEraser(drive.runner)
    (plan,) = eraser.plans(DISK, EraseWish())
    with pytest.raises(EraseError, match=said):
        eraser.erase(plan, step_tools(drive.runner))
