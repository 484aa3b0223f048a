"""``erase_devices`` on real disks: overwriting where it is allowed, nothing weaker than asked, and no word of a drive taken on trust."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.disks.release import StackReleaser
from agent.errors import AgentError, Declined, EraseError, Stopped
from agent.hardware.capabilities import HardwareManager, Support
from agent.hardware.devices import BlockDevice
from agent.hardware.erasing import Content, EraseEvidence, EraseLevel, ErasePlan, EraseWish
from agent.hardware.registry import Hardware
from agent.hardware.tools import StepTools
from agent.protocol.commands import Progress
from agent.system.runner import HostRunner
from hardware_managers.generic.erase_steps import erase_devices
from hardware_managers.generic.overwrite import Overwriter
from tests.integration.disk_images import MIB
from tests.integration.loop_disk import LoopDisk, loop_disk
from tests.unit.fakes import Tools

pytestmark = pytest.mark.root
ALLOWED = {"agent_erase_devices_iterations": 1, "agent_erase_devices_zeroize": True}
CLEAR = frozenset({EraseLevel.CLEAR})


class SomeDisks:
    """Lists loop devices and no disk of this machine."""

    def __init__(self, disks: Sequence[BlockDevice]) -> None:
        self._disks = tuple(disks)

    def list_disks(self) -> tuple[BlockDevice, ...]:
        return self._disks


class Drive:
    """A drive's own command: does ``does``, and says that all is well."""

    def __init__(self, does: str, strength: int = 50) -> None:
        self.does = does
        self.strength = strength
        self.orders: list[str] = []

    def plans(self, disk: BlockDevice, wish: EraseWish) -> tuple[ErasePlan, ...]:
        return (
            ErasePlan(
                disk=disk,
                method=f"drive that {self.does}",
                command="",
                levels=CLEAR,
                strength=self.strength,
                is_quick=True,
            ),
        )

    def erase(self, plan: ErasePlan, tools: StepTools) -> EraseEvidence:
        self.orders.append(str(plan.disk.path))
        if self.does == "declines":
            raise Declined("not one of mine")
        if self.does == "fails":
            raise EraseError(f"{plan.disk.path}: Invalid Command Opcode")
        if self.does in {"erases", "forgets a half"}:
            size = plan.disk.size_bytes // (1 if self.does == "erases" else 2)
            with plan.disk.path.open("r+b", buffering=0) as file:
                file.write(bytes(size))
        content = Content.CHANGED
        return EraseEvidence(
            disk=plan.disk, method=plan.method, detail="all is well", content=content
        )


@pytest.fixture(params=[512, 4096])
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[LoopDisk]:
    with loop_disk(tmp_path, 24 * MIB, sector_bytes=request.param) as made:
        yield made


def hardware(disks: Sequence[BlockDevice], *erasers: Any) -> Hardware:
    manager = HardwareManager(
        name="loops",
        version="1",
        support=Support.GENERIC,
        disk_lister=SomeDisks(disks),
        disk_releaser=StackReleaser(HostRunner()),
        erasers=erasers or (Overwriter(),),
    )
    return Hardware([manager])


def run_step(
    tmp_path: Path,
    chain: Hardware,
    internal: dict[str, Any],
    tools: Tools | None = None,
    **node: Any,
) -> dict[str, Any]:
    document = {"driver_internal_info": internal, **node}
    tools = tools or Tools(HostRunner(), tmp_path)
    return erase_devices(tools.context(chain, document))


def fails(tmp_path: Path, chain: Hardware, internal: dict[str, Any], **node: Any) -> AgentError:
    with pytest.raises(EraseError) as raised:
        run_step(tmp_path, chain, internal, **node)
    return raised.value


def states(result: Any) -> dict[str, str]:
    return {one["path"]: one["state"] for one in result["erasure"]["disks"]}


def test_a_disk_is_overwritten_where_that_is_allowed_and_the_proof_is_told(
    tmp_path: Path, disk: LoopDisk
) -> None:
    tools = Tools(HostRunner(), tmp_path)
    result = run_step(tmp_path, hardware([disk.device()]), ALLOWED, tools)
    assert not any(disk.read(0, disk.size_bytes))
    (one,) = result["erasure"]["disks"]
    assert one["levels"] == ["clear"]
    assert one["read_back"]["zeros"] == one["read_back"]["blocks"] == 512 + 62
    assert one["ended_at"] >= one["started_at"]
    assert result[str(disk.path)].startswith("overwriting, 1 pass of random bytes, then zeros")
    percents = [report.percent for report in tools.reports]
    assert percents == sorted(percents)  # type: ignore[type-var]
    assert percents[-1] == 100


def test_nothing_is_written_where_it_is_not_allowed_or_would_be_too_little(
    tmp_path: Path, disk: LoopDisk
) -> None:
    before = disk.read(0, disk.size_bytes)
    chain = hardware([disk.device()])
    refused = fails(tmp_path, chain, {})
    assert "agent_erase_allow_overwrite" in str(refused)
    assert states(refused.result) == {str(disk.path): "failed"}
    purge = fails(tmp_path, chain, ALLOWED, driver_info={"agent_erase_level": "purge"})
    assert "cannot be erased at level purge" in str(purge)
    assert "zeros: reaches clear" in str(purge)
    assert disk.read(0, disk.size_bytes) == before


@pytest.mark.parametrize("does", ["does nothing", "forgets a half"])
def test_a_drive_that_only_says_so_is_named(tmp_path: Path, disk: LoopDisk, does: str) -> None:
    error = fails(tmp_path, hardware([disk.device()], Drive(does)), ALLOWED)
    assert "all is well, but" in str(error)
    assert "hold what they held before" in str(error)
    (one,) = error.result["erasure"]["disks"]
    assert one["state"] == "failed"
    assert one["levels"] == []
    assert one["read_back"]["same"] > 0


def test_a_drive_that_does_it_is_believed_because_it_is_seen(
    tmp_path: Path, disk: LoopDisk
) -> None:
    drive = Drive("erases")
    result = run_step(tmp_path, hardware([disk.device()], drive), {})
    assert states(result) == {str(disk.path): "erased"}
    assert drive.orders == [str(disk.path)]


def test_the_next_best_is_tried_only_where_that_is_allowed(tmp_path: Path, disk: LoopDisk) -> None:
    chain = hardware([disk.device()], Drive("fails"), Overwriter())
    assert "Invalid Command Opcode" in str(fails(tmp_path, chain, ALLOWED))
    result = run_step(tmp_path, chain, ALLOWED | {"agent_continue_if_secure_erase_failed": True})
    (one,) = result["erasure"]["disks"]
    assert one["method"].startswith("overwriting")
    assert "before that: " in one["detail"]


def test_the_next_best_is_taken_when_a_manager_declines_the_disk(
    tmp_path: Path, disk: LoopDisk
) -> None:
    chain = hardware([disk.device()], Drive("declines"), Overwriter())
    (one,) = run_step(tmp_path, chain, ALLOWED)["erasure"]["disks"]
    assert one["method"].startswith("overwriting")
    assert "before that: not one of mine" in one["detail"]


def test_one_disk_that_fails_does_not_keep_the_others_from_being_erased(tmp_path: Path) -> None:
    with loop_disk(tmp_path, 8 * MIB) as good, loop_disk(tmp_path, 8 * MIB) as named:
        locked = replace(named.device(), is_read_only=True)
        internal = ALLOWED | {"disk_erasure_concurrency": 4}
        error = fails(tmp_path, hardware([good.device(), locked]), internal)
        assert states(error.result) == {str(good.path): "erased", str(named.path): "failed"}
        assert str(error).startswith("1 of 2 disks not erased: ")
        skipping = internal | {"agent_erase_skip_read_only": True}
        result = run_step(tmp_path, hardware([good.device(), locked]), skipping)
        assert states(result)[str(named.path)] == "left alone"


def test_two_disks_that_call_themselves_one_are_told_apart(tmp_path: Path) -> None:
    with loop_disk(tmp_path, 8 * MIB) as one, loop_disk(tmp_path, 8 * MIB) as other:
        lun = replace(one.device(), paths=(other.path,))
        error = fails(tmp_path, hardware([lun], Drive("erases")), {})
        assert f"{other.path}: does not show what was written through {one.path}" in str(error)
        assert any(other.read(0, other.size_bytes))


def test_a_lun_is_erased_once_and_read_through_both_its_paths(tmp_path: Path) -> None:
    with loop_disk(tmp_path, 8 * MIB) as disk:
        alias = tmp_path / "another-path"
        alias.symlink_to(disk.path)
        lun = replace(disk.device(), paths=(alias,))
        drive = Drive("erases")
        assert states(run_step(tmp_path, hardware([lun], drive), {}))[str(disk.path)] == "erased"
        assert drive.orders == [str(disk.path)]


def test_a_mounted_disk_is_refused_before_anything_is_written(
    tmp_path: Path, disk: LoopDisk
) -> None:
    disk.run("mkfs.ext4", "-q", "-F")
    place = tmp_path / "mounted"
    place.mkdir()
    HostRunner().run("mount", str(disk.path), str(place), timeout_s=30)
    try:
        (place / "data").write_bytes(secrets.token_bytes(100))
        error = fails(tmp_path, hardware([disk.device()]), ALLOWED)
        assert f"mounted on {place}" in str(error)
        assert len((place / "data").read_bytes()) == 100
    finally:
        HostRunner().run("umount", str(place), timeout_s=30)


def test_an_order_to_stop_ends_it_within_the_pass_and_nothing_is_called_erased(
    tmp_path: Path, disk: LoopDisk
) -> None:
    tools = Tools(HostRunner(), tmp_path)
    stop_at_first_report(tools)
    with pytest.raises(Stopped) as raised:
        run_step(tmp_path, hardware([disk.device()]), ALLOWED, tools)
    (one,) = raised.value.result["erasure"]["disks"]
    assert one["state"] == "failed"
    assert "was stopped, as ordered" in one["detail"]
    assert any(disk.read(0, disk.size_bytes))


def stop_at_first_report(tools: Tools) -> None:
    def stop(_progress: Progress) -> None:
        tools.stop.set()

    tools.tools = replace(tools.tools, progress=stop)
