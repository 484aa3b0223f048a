import json
from pathlib import Path

import pytest

from agent.errors import EraseError, Stopped
from agent.hardware.erasing import EraseWish
from agent.protocol.commands import Progress
from agent.system.sysfs import SysRoot
from hardware_managers.nvme.eraser import NvmeEraser
from tests.unit.fakes import disk
from tests.unit.hardware_managers.drives import DriveRunner, ImpatientStop, refused, step_tools

DATA = Path(__file__).parents[3] / "data/nvme"
NAMESPACE = disk("/dev/nvme0n1")
LOGS = {name: (DATA / f"sanitize-log-{name}.txt").read_text() for name in ("done", "running")}


class Drive:
    """Says what it can do, and shows the given sanitize logs one after the other."""

    def __init__(self, *logs: str, sanicap: int = 0, fna: int = 0, refuses: bool = False) -> None:
        self._logs = list(logs)
        self._identity = json.loads((DATA / "id-ctrl-qemu.json").read_text())
        self._identity |= {"sanicap": sanicap, "fna": fna}
        self._refuses = refuses
        self.runner = DriveRunner(self)

    def __call__(self, line: str) -> str | None:
        if line.startswith("nvme id-ctrl"):
            return json.dumps(self._identity)
        if line.startswith("nvme id-ns"):
            return (DATA / "id-ns-qemu.json").read_text()
        if line.startswith("nvme sanitize-log"):
            return self._logs.pop(0) if len(self._logs) > 1 else self._logs[0]
        if line.startswith(("nvme format", "nvme sanitize ")):
            if self._refuses:
                raise refused(line, "NVMe status: Invalid Command Opcode(0x4001)")
            return ""
        return None


def machine(root: Path, transport: str = "pcie") -> SysRoot:
    """A subsystem of two namespaces with hidden paths, and a drive beside it."""
    for name, subsystem in (
        *(("nvme0n1", "nqn.2019-08.org.qemu:ss0"), ("nvme0n2", "nqn.2019-08.org.qemu:ss0")),
        *(("nvme0c0n1", "nqn.2019-08.org.qemu:ss0"), ("nvme1n1", "nqn.2019-08.org.qemu:NV1")),
    ):
        (root / f"sys/block/{name}/device").mkdir(parents=True)
        (root / f"sys/block/{name}/device/subsysnqn").write_text(f"{subsystem}\n")
    (root / "sys/class/nvme/nvme0").mkdir(parents=True)
    (root / "sys/class/nvme/nvme0/subsysnqn").write_text("nqn.2019-08.org.qemu:ss0\n")
    (root / "sys/class/nvme/nvme0/transport").write_text(f"{transport}\n")
    return SysRoot(root)


def test_disks_of_other_kinds_are_none_of_its_business(tmp_path: Path) -> None:
    eraser = NvmeEraser(Drive("").runner, SysRoot(tmp_path))
    assert eraser.plans(disk("/dev/sda"), EraseWish()) == ()


def test_a_sanitize_names_the_other_namespaces_and_the_drives_own_estimate(tmp_path: Path) -> None:
    drive = Drive(LOGS["done"], sanicap=2)
    block, formatting = NvmeEraser(drive.runner, machine(tmp_path)).plans(NAMESPACE, EraseWish())
    assert block.also == (Path("/dev/nvme0n2"),)
    assert block.expected_s == 90
    assert formatting.also == ()


def test_a_drive_in_another_machine_is_not_erased(tmp_path: Path) -> None:
    drive = Drive(LOGS["done"], sanicap=2)
    plans = NvmeEraser(drive.runner, machine(tmp_path, "tcp")).plans(NAMESPACE, EraseWish())
    assert all("reached over tcp" in (plan.obstacle or "") for plan in plans)


def test_a_drive_that_does_not_answer_is_reported(tmp_path: Path) -> None:
    def silent(line: str) -> str | None:
        raise refused(line, "Input/output error")

    (plan,) = NvmeEraser(DriveRunner(silent), SysRoot(tmp_path)).plans(NAMESPACE, EraseWish())
    assert not plan.levels
    assert "Input/output error" in (plan.obstacle or "")


def test_a_sanitize_is_watched_until_the_log_says_that_it_succeeded(tmp_path: Path) -> None:
    drive = Drive(LOGS["done"], LOGS["done"], LOGS["running"], LOGS["done"], sanicap=2)
    eraser = NvmeEraser(drive.runner, machine(tmp_path))
    plan = eraser.plans(NAMESPACE, EraseWish())[0]
    told: list[Progress] = []
    evidence = eraser.erase(plan, step_tools(drive.runner, told))
    assert evidence.log_after == LOGS["done"].strip()
    assert "nvme sanitize /dev/nvme0n1 --sanact=2" in drive.runner.lines
    assert [round(one.percent or 0) for one in told] == [36]


def test_a_log_of_another_operation_is_no_success(tmp_path: Path) -> None:
    drive = Drive(LOGS["done"], sanicap=1)  # what is done is a block erase, asked for is the key
    eraser = NvmeEraser(drive.runner, machine(tmp_path))
    plan = eraser.plans(NAMESPACE, EraseWish())[0]
    with pytest.raises(EraseError, match="does not say that it succeeded"):
        eraser.erase(plan, step_tools(drive.runner))


def test_a_refused_command_is_named(tmp_path: Path) -> None:
    drive = Drive(LOGS["done"], refuses=True, sanicap=2)
    eraser = NvmeEraser(drive.runner, machine(tmp_path))
    for plan in eraser.plans(NAMESPACE, EraseWish()):
        with pytest.raises(EraseError, match=f"{plan.method}: the drive refused.*Invalid Command"):
            eraser.erase(plan, step_tools(drive.runner))


def test_an_order_to_stop_ends_the_watching_and_says_that_the_drive_goes_on(tmp_path: Path) -> None:
    drive = Drive(LOGS["running"], sanicap=2)
    eraser = NvmeEraser(drive.runner, machine(tmp_path))
    plan = eraser.plans(NAMESPACE, EraseWish())[0]
    stop = ImpatientStop()

    def stop_then(_progress: Progress) -> None:
        stop.set()

    tools = step_tools(drive.runner, stop=stop)
    object.__setattr__(tools, "progress", stop_then)
    with pytest.raises(Stopped, match="goes on by itself"):
        eraser.erase(plan, tools)


def test_a_format_keeps_what_the_drive_says_before_and_after(tmp_path: Path) -> None:
    drive = Drive("")
    eraser = NvmeEraser(drive.runner, machine(tmp_path))
    (plan,) = eraser.plans(NAMESPACE, EraseWish())
    evidence = eraser.erase(plan, step_tools(drive.runner))
    assert "oacs 0x10a, fna 0x0, sanicap 0x0" in evidence.log_before
    assert "nsze 131072" in evidence.log_after
    assert "nvme format /dev/nvme0n1 --ses=1 --force" in drive.runner.lines


def test_a_format_refuses_to_be_stopped_until_the_drive_is_done(tmp_path: Path) -> None:
    drive, stop = Drive("", fna=4), ImpatientStop()
    refused_at: list[str | None] = []

    def watched(line: str) -> str | None:
        if line.startswith("nvme format"):
            refused_at.append(stop.refused)
        return drive(line)

    runner = DriveRunner(watched)
    eraser = NvmeEraser(runner, machine(tmp_path))
    eraser.erase(eraser.plans(NAMESPACE, EraseWish())[0], step_tools(runner, stop=stop))
    assert ["cannot be stopped until the drive is done" in (one or "") for one in refused_at] == [
        True
    ]
    assert stop.refused is None
