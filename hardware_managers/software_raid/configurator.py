"""Makes, removes and starts md arrays as they were planned, and reads back what stands."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.disks.release import StackReleaser
from agent.disks.stack import read_stack
from agent.errors import AgentError, RaidError
from agent.hardware.devices import BlockDevice
from agent.hardware.raiding import RaidConfig, RaidPlan, RaidRequest
from agent.hardware.tools import ProgressSink, StepTools
from agent.hardware.writing import DiskReleaser
from agent.protocol.commands import Progress
from agent.system.runner import Runner
from agent.system.sysfs import SysRoot
from hardware_managers.software_raid import present
from hardware_managers.software_raid.layout import (
    CHUNK_BYTES,
    DiskTable,
    PlannedArray,
    plan_layout,
)
from hardware_managers.software_raid.logical_disks import (
    CONTROLLER,
    RESERVED_NAME,
    LogicalDisk,
    parse_logical_disks,
)
from hardware_managers.software_raid.members import FreeDisk, choose_members
from hardware_managers.software_raid.present import TIMEOUT_S, PresentArray
from hardware_managers.software_raid.recorded import candidates, find_all, recorded_arrays
from hardware_managers.software_raid.tables import write_table

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class MdPlan(RaidPlan):
    """The partition tables and arrays to be made; ``request`` is what they were planned for."""

    tables: tuple[DiskTable, ...]
    arrays: tuple[PlannedArray, ...]
    request: RaidRequest


class SoftwareRaid:
    """Implements :class:`agent.hardware.raiding.RaidConfigurator`."""

    name = CONTROLLER

    def __init__(
        self,
        runner: Runner,
        sys_root: SysRoot,
        releaser: DiskReleaser | None = None,
    ) -> None:
        """``releaser`` ``None`` = the one that the agent has for any disk."""
        self._runner = runner
        self._sys_root = sys_root
        self._releaser = releaser or StackReleaser(runner)

    def controllers(self) -> Sequence[str]:
        """Return the one name; every machine can have arrays of md."""
        return (CONTROLLER,)

    def plan(self, request: RaidRequest) -> MdPlan:
        """Decide which disks, where on them and by which commands; changes nothing.

        Raises:
            InvalidRequest: It cannot be done; the message names the logical disk and the field.
        """
        wanted = parse_logical_disks(request.logical_disks)
        arrays = present.read_arrays(self._runner, self._sys_root)
        stack = read_stack(self._sys_root.at("sys"))
        kept = {disk.path.name for disk in request.kept}
        staying = [
            array
            for array in arrays
            if not request.after_delete or present.disks_of(array, stack) & kept
        ]
        standing = {array.name for array in staying}
        wanted = tuple(one for one in wanted if not self._stands_kept(one, staying, kept))
        taken = standing | {array.device.name for array in staying if array.device is not None}
        members = choose_members(wanted, self._free_disks(request, staying))
        tables, planned = plan_layout(wanted, members, boot_mode=request.boot_mode, taken=taken)
        lines = (
            *(f"partition {t.disk.path}: {', '.join(p.name for p in t.parts)}" for t in tables),
            *(" ".join(array.command()) for array in planned),
        )
        return MdPlan(lines=lines, tables=tables, arrays=planned, request=request)

    def _stands_kept(
        self, wanted: LogicalDisk, staying: Sequence[PresentArray], kept: Collection[str]
    ) -> bool:
        """Tell whether a wanted array is one that is protected: it stays as it is."""
        stack = read_stack(self._sys_root.at("sys"))
        found = [array for array in staying if wanted.name and array.name == wanted.name]
        return any(present.disks_of(array, stack) & set(kept) for array in found)

    def _free_disks(
        self, request: RaidRequest, arrays: Sequence[PresentArray]
    ) -> tuple[FreeDisk, ...]:
        stack = read_stack(self._sys_root.at("sys"))
        kept = {disk.path for disk in request.kept}

        def obstacle(disk: BlockDevice) -> str | None:
            on = [a.name or a.uuid for a in arrays if disk.path.name in present.disks_of(a, stack)]
            if disk.path in kept:
                return "is listed in properties.skip_block_devices"
            if disk.is_read_only or disk.is_removable:
                return "is read-only" if disk.is_read_only else "is removable"
            if on:
                return f"is in the array {' and '.join(on)}; run delete_configuration first"
            upper = sorted(str(layer) for layer in stack.values() if disk.path.name in layer.below)
            if upper and not request.after_delete:
                return f"holds {', '.join(upper)}; run delete_configuration or erase it first"
            return None

        whole = (disk for disk in request.disks if not disk.below)
        return tuple(FreeDisk(disk=disk, obstacle=obstacle(disk)) for disk in whole)

    def create(self, plan: RaidPlan, tools: StepTools) -> RaidConfig:
        """Carry ``plan`` out; what was made is taken away again if it fails in the middle.

        Raises:
            RaidError: An array was not made as planned; the message says what stands now.
        """
        if not isinstance(plan, MdPlan):
            raise TypeError(f"a plan of {type(plan).__name__} is not one for md")
        try:
            for table in plan.tables:
                _tell(tools.progress, f"partition {table.disk.path}")
                _wipe(plan.request, table.disk, tools.progress)
                write_table(table, self._runner)
            for array in plan.arrays:
                _tell(tools.progress, f"create {array.name} on {len(array.members)} disks")
                self._runner.run(*array.command(), timeout_s=TIMEOUT_S)
            self._verify(plan.arrays)
        except AgentError as error:
            raise self._undone(plan, error, tools.progress) from error
        roots = {array.name for array in plan.arrays if array.is_root}
        return self._config(plan.request.node, plan.request.disks, roots)

    def _verify(self, planned: Sequence[PlannedArray]) -> None:
        """Compare what runs with what was planned."""
        self._runner.run("udevadm", "settle", timeout_s=2 * TIMEOUT_S, ok=(0, 1))
        running = {
            array.device: array for array in present.read_arrays(self._runner, self._sys_root)
        }
        for wanted in planned:
            found = running.get(wanted.device)
            if found is None:
                raise RaidError(f"{wanted.device}: mdadm made it and it does not run; see dmesg")
            slack = len(wanted.members) * CHUNK_BYTES
            facts = (
                ("level", found.level, wanted.level.md_name),
                ("name", found.name, wanted.name),
                ("members", found.members, tuple(sorted(wanted.members))),
                ("missing members", found.missing or 0, 0),
            )
            wrong = [
                f"{what} {is_now!s} instead of {meant!s}"
                for what, is_now, meant in facts
                if is_now != meant
            ]
            if found.size_bytes is None or abs(found.size_bytes - wanted.size_bytes) > slack:
                wrong.append(f"{found.size_bytes} bytes instead of {wanted.size_bytes}")
            if wrong:
                raise RaidError(f"{wanted.device}: has {'; '.join(wrong)}; see dmesg")

    def _undone(self, plan: MdPlan, cause: AgentError, progress: ProgressSink) -> RaidError:
        """Take away what was made of ``plan``; return the error that says so, and what is left."""
        left = []
        for table in plan.tables:
            try:
                self._releaser.release(table.disk.nodes)
                _wipe(plan.request, table.disk, progress)
            except AgentError as error:
                left.append(f"{table.disk.path} could not be cleared: {error}")
        disks = ", ".join(str(table.disk.path) for table in plan.tables)
        stands = "; ".join(left) or f"nothing of it stands any more, {disks} are empty"
        return RaidError(f"software RAID was not made: {cause}; {stands}")

    def delete(self, request: RaidRequest, tools: StepTools) -> RaidConfig:
        """Stop every array that stands on no kept disk, and leave nothing on its disks that a kernel or firmware would recognise.

        Raises:
            RaidError: Something stands still; the message says what.
        """
        stack = read_stack(self._sys_root.at("sys"))
        kept = {disk.path.name for disk in request.kept}
        arrays = present.read_arrays(self._runner, self._sys_root)
        doomed = [array for array in arrays if not present.disks_of(array, stack) & kept]
        names = {name for array in doomed for name in present.disks_of(array, stack)}
        disks = [d for d in request.disks if not d.below and d.path.name in names]
        held = [node for disk in request.kept for node in disk.nodes]
        for disk in disks:
            _tell(tools.progress, f"clear {disk.path}")
            for text in self._releaser.release(disk.nodes, held):
                log.info("ended", extra={"what": text})
            _wipe(request, disk, tools.progress)
        gone = {array.uuid for array in doomed}
        left = [
            array
            for array in present.read_arrays(self._runner, self._sys_root)
            if array.uuid in gone
        ]
        if left:
            shown = "; ".join(
                f"{a.name or a.uuid} on {', '.join(map(str, a.members))}" for a in left
            )
            raise RaidError(f"arrays are still there after they were removed: {shown}; see dmesg")
        return self._config(request.node, request.disks, set())

    def read(self) -> RaidConfig:
        """Return what stands now; which is the root volume only the node's documents know."""
        return self._config({}, (), set())

    def _config(
        self, node: Mapping[str, Any], disks: Sequence[BlockDevice], roots: Collection[str]
    ) -> RaidConfig:
        stack = read_stack(self._sys_root.at("sys"))
        arrays = present.read_arrays(self._runner, self._sys_root)
        known = recorded_arrays(node)
        marked = {
            found[0].uuid
            for one in known
            if one.is_root and len(found := candidates(one, known, arrays)) == 1
        }
        described = [
            present.describe(
                array, disks, stack, is_root=array.name in roots or array.uuid in marked
            )
            for array in arrays
            if array.name != RESERVED_NAME
        ]
        return {"logical_disks": described, "last_updated": datetime.now(UTC).isoformat()}

    def attach(self, node: Mapping[str, Any]) -> tuple[BlockDevice, ...]:
        """Start the arrays of ``node.raid_config``, in its order, degraded ones too; see the protocol.

        Raises:
            RaidError: One is not there, cannot be told from others, or does not start.
        """
        wanted = recorded_arrays(node)
        if not wanted:
            return ()
        arrays = present.read_arrays(self._runner, self._sys_root)
        return tuple(self._started(array) for array in find_all(wanted, arrays))

    def _started(self, array: PresentArray) -> BlockDevice:
        name = array.name or array.uuid
        if array.device is None:
            used = {folder.name for folder in self._sys_root.at("sys/block").glob("md*")}
            free = next(d for number in range(len(used) + 1) if (d := f"md{number}") not in used)
            line = ("mdadm", "--assemble", f"/dev/{free}", "--run", f"--uuid={array.uuid}")
            self._runner.run(*line, *map(str, array.members), timeout_s=TIMEOUT_S)
            self._runner.run("udevadm", "settle", timeout_s=2 * TIMEOUT_S, ok=(0, 1))
            again = present.read_arrays(self._runner, self._sys_root)
            array = next((one for one in again if one.uuid == array.uuid), array)
            log.info("array started", extra={"array": name, "device": str(array.device)})
        if array.device is None or array.size_bytes is None:
            raise RaidError(f"array {name!r} does not start; see dmesg and mdadm --examine")
        stack = read_stack(self._sys_root.at("sys"))
        queue = ("sys/block", array.device.name, "queue")
        return BlockDevice(
            path=array.device,
            size_bytes=array.size_bytes,
            logical_sector_bytes=self._sys_root.number(*queue, "logical_block_size") or 512,
            physical_sector_bytes=self._sys_root.number(*queue, "physical_block_size") or 512,
            is_rotational=self._sys_root.number(*queue, "rotational") == 1,
            below=tuple(Path("/dev") / name for name in sorted(present.disks_of(array, stack))),
        )


def _wipe(request: RaidRequest, disk: BlockDevice, progress: ProgressSink) -> None:
    for node in disk.nodes:
        one = replace(disk, path=node, paths=())
        request.eraser.erase_metadata(one, progress, wipe_shared=False)


def _tell(progress: ProgressSink, message: str) -> None:
    progress(Progress(phase="software RAID", message=message))
