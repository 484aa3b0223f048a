from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from agent.errors import EraseError
from agent.hardware.erasing import EraseLevel, ErasePlan, EraseWish
from agent.system.opal import OpalStatus
from agent.system.sysfs import SysRoot
from hardware_managers.generic.psid import PsidReverter
from tests.unit.fakes import disk
from tests.unit.hardware_managers.drives import DriveRunner, ImpatientStop, step_tools

PSID = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
DISK = replace(disk("/dev/sda"), serial="SHORT", serials=("SHORT", "LONGER"))
IN_USE = OpalStatus(is_locking_enabled=True, is_locked=True)
DELIVERED = OpalStatus(is_locking_enabled=False, is_locked=False)


def unasked(line: str) -> str | None:
    raise AssertionError(line)


@dataclass
class Drive:
    """A self-encrypting drive as the kernel shows it."""

    status: OpalStatus | None = IN_USE
    after: OpalStatus | None = DELIVERED
    refusal: str | None = None
    orders: list[tuple[Path, str]] = field(default_factory=list)
    watch: Callable[[], None] = lambda: None

    def ask(self, path: Path) -> OpalStatus | None:
        assert path == DISK.path
        return self.status

    def revert(self, path: Path, psid: str) -> None:
        self.watch()
        if self.refusal:
            raise EraseError(self.refusal)
        self.orders.append((path, psid))
        self.status = self.after

    def plans(self, wish: EraseWish, root: Path = Path("/nonexistent")) -> tuple[ErasePlan, ...]:
        return self.reverter(root).plans(DISK, wish)

    def reverter(self, root: Path = Path("/nonexistent")) -> PsidReverter:
        return PsidReverter(SysRoot(root), self.ask, self.revert)


def wish(**psids: str) -> EraseWish:
    return EraseWish(psid=psids)


def test_a_drive_whose_psid_was_not_given_is_not_even_asked() -> None:
    drive = Drive()
    drive.status = IN_USE
    assert drive.plans(wish()) == ()
    assert drive.plans(wish(OTHER=PSID)) == ()
    assert drive.plans(wish(SHORT="  ")) == ()


@pytest.mark.parametrize("serial", ["SHORT", "LONGER"])
def test_any_serial_number_of_the_disk_will_do(serial: str) -> None:
    (plan,) = Drive().plans(wish(**{serial: f" {PSID}\n"}))
    assert plan.obstacle is None
    assert plan.levels == {EraseLevel.CLEAR, EraseLevel.DESTROY_KEYS}
    assert PSID not in plan.command


def test_a_drive_of_another_kind_says_so() -> None:
    (plan,) = Drive(status=None).plans(wish(SHORT=PSID))
    assert "no self-encrypting one" in (plan.obstacle or "")


def test_a_drive_that_nobody_has_enabled_would_keep_its_keys() -> None:
    (plan,) = Drive(status=DELIVERED).plans(wish(SHORT=PSID))
    assert "leave its keys as they are" in (plan.obstacle or "")


def test_a_revert_is_shown_by_the_drives_status() -> None:
    drive, stop = Drive(), ImpatientStop()
    told: list[str | None] = []
    drive.watch = lambda: told.append(stop.refused)
    runner = DriveRunner(unasked)
    (plan,) = drive.plans(wish(SHORT=PSID))
    evidence = drive.reverter().erase(plan, step_tools(runner, stop=stop))
    assert drive.orders == [(DISK.path, PSID)]
    assert evidence.log_before == "TCG Opal: locking enabled, locked"
    assert evidence.log_after == "TCG Opal: locking not enabled, not locked"
    assert "cannot be stopped" in (told[0] or "")
    assert stop.refused is None
    assert PSID not in repr(evidence)


@pytest.mark.parametrize("after", [IN_USE, None])
def test_a_drive_that_says_yes_and_does_nothing_is_named(after: OpalStatus | None) -> None:
    drive = Drive(after=after)
    (plan,) = drive.plans(wish(SHORT=PSID))
    with pytest.raises(EraseError, match="its locking is not off afterwards"):
        drive.reverter().erase(plan, step_tools(DriveRunner(unasked)))


def test_other_namespaces_of_the_drive_are_erased_too(tmp_path: Path) -> None:
    for name, subsystem in (("nvme0n1", "a"), ("nvme0n2", "a"), ("nvme1n1", "b")):
        folder = tmp_path / f"sys/block/{name}/device"
        folder.mkdir(parents=True)
        (folder / "subsysnqn").write_text(f"nqn.{subsystem}\n")
    one = replace(DISK, path=Path("/dev/nvme0n1"))
    reverter = PsidReverter(SysRoot(tmp_path), lambda _path: IN_USE)
    (plan,) = reverter.plans(one, wish(SHORT=PSID))
    assert plan.also == (Path("/dev/nvme0n2"),)
