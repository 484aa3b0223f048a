"""Carries erase jobs out: checks each disk, marks it, has it erased, looks at it again, and writes down what was found."""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from agent.disks.open_disk import MIB, OpenDisk
from agent.disks.read_back import Mark, mark, objection, read_back
from agent.errors import AgentError, Declined, DiskError, EraseError
from agent.hardware.devices import BlockDevice
from agent.hardware.erasing import Content, EraseEvidence, EraseOffer, EraseWish
from agent.hardware.tools import StepTools
from agent.protocol.erasure import MOST_LOG_CHARS, DiskErasure, ErasureState, ReadBack
from agent.protocol.foreign_text import clean_line, clean_text
from agent.system.stop_signal import StopSignal
from hardware_managers.generic.erase_plan import Job
from hardware_managers.generic.erase_progress import ProgressBoard
from hardware_managers.generic.guard import WIPE_SHARED, shared_filesystem

log = logging.getLogger(__name__)
_MOST_REASON_CHARS = 2000


def describe(
    disk: BlockDevice, state: ErasureState, detail: str, level: str | None = None
) -> DiskErasure:
    """Return what is known of a disk, without evidence."""

    def told(text: str | None) -> str | None:
        return clean_line(text, 200) if text else None

    return DiskErasure(
        path=str(disk.path),
        state=state,
        detail=clean_line(detail, _MOST_REASON_CHARS),
        size_bytes=disk.size_bytes,
        sector_bytes=disk.logical_sector_bytes,
        is_rotational=disk.is_rotational,
        vendor=told(disk.vendor),
        model=told(disk.model),
        serial=told(disk.serial),
        wwn=told(disk.wwn),
        transport=told(disk.transport),
        level_asked=level,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseRun:
    """One run over several disks. ``now`` returns seconds since the epoch."""

    wish: EraseWish
    tools: StepTools
    now: Callable[[], float] = time.time

    def carry_out(self, jobs: Sequence[Job]) -> list[DiskErasure]:
        """Do the jobs, as many at a time as the wish allows; one failure does not keep the others from being erased."""
        if not jobs:
            return []
        disks = [disk for job in jobs for disk in job.disks]
        board = ProgressBoard(disks, self.tools.progress)

        def run(job: Job, stop: StopSignal) -> list[DiskErasure]:
            sink = board.sink(job.disks[0])
            try:
                return self._job(job, replace(self.tools, progress=sink, stop=stop))
            finally:
                stop.close()
                board.end(job.disks)

        stops = [
            self.tools.stop.part() for _ in jobs
        ]  # those that wait for their turn can be stopped
        with ThreadPoolExecutor(max_workers=min(self.wish.at_once, len(jobs))) as pool:
            return [one for done in pool.map(run, jobs, stops) for one in done]

    def _job(self, job: Job, tools: StepTools) -> list[DiskErasure]:
        """Erase the job's disks together; where that is declined, or fails and it is allowed, each by what is next best for it."""
        ended, is_declined = self._attempt(job.offer, job.disks, tools)
        for offset, disk in enumerate(job.disks):
            may_go_on = is_declined or self.wish.after_failure
            for offer in job.others.get(disk.path, ()):
                is_erased = ended[offset].state is ErasureState.ERASED
                if is_erased or not may_go_on or tools.stop.is_set():
                    break
                log.warning(
                    "not erased, trying the next method",
                    extra={"disk": str(disk.path), "why": ended[offset].detail},
                )
                before = ended[offset].detail
                (again,), was_declined = self._attempt(offer, (disk,), tools)
                may_go_on = was_declined or self.wish.after_failure
                ended[offset] = _with(again, detail=f"{again.detail}; before that: {before}")
        return ended

    def _attempt(
        self, offer: EraseOffer, disks: Sequence[BlockDevice], tools: StepTools
    ) -> tuple[list[DiskErasure], bool]:
        """Try one plan on its disks; an error concerns all of them, as it is one command. Say too whether it was declined."""
        plan, started = offer.plan, self.now()
        head = {
            "manager": offer.manager,
            "method": plan.method,
            "command": plan.command,
            "started_at": started,
        }
        try:
            tools.stop.check(f"the erasure of {', '.join(str(disk.path) for disk in disks)}")
            marks = {disk.path: self._prepared(disk) for disk in disks}
            log.info("erasing", extra={"disk": str(plan.disk.path), "method": plan.method})
            evidence = offer.eraser.erase(plan, tools)
        except AgentError as error:
            log.warning("disk not erased", extra={"disk": str(plan.disk.path), "why": str(error)})
            head["ended_at"] = self.now()
            failed = [self._failed(disk, str(error), **head) for disk in disks]
            return failed, isinstance(error, Declined)
        looked = [self._looked_at(disk, evidence, marks[disk.path], offer, head) for disk in disks]
        return looked, False

    def _prepared(self, disk: BlockDevice) -> tuple[Mark, ...]:
        """Make sure that nothing is lost that shall stay, then mark the disk."""
        with OpenDisk(disk.path, writable=False) as handle:
            _refuse_shared(handle, self.wish)
        with OpenDisk(disk.path) as handle:
            try:
                handle.require_sole_use()
            except DiskError as error:  # a locked drive cannot be read, but can be erased
                log.warning(
                    "disk cannot be read", extra={"disk": str(disk.path), "why": str(error)}
                )
        marks = mark(disk.path)
        for path in disk.nodes[1:]:
            _require_same_disk(disk.path, path, marks)
        return marks

    def _looked_at(
        self,
        disk: BlockDevice,
        evidence: EraseEvidence,
        marks: Sequence[Mark],
        offer: EraseOffer,
        head: dict[str, object],
    ) -> DiskErasure:
        """Read the disk through each of its paths and judge."""
        levels = sorted(offer.plan.levels)
        more = {
            **head,
            "command": evidence.command or offer.plan.command,
            "log_before": _log(evidence.log_before),
            "log_after": _log(evidence.log_after),
        }
        found: ReadBack | None = None
        try:
            for path in disk.nodes:
                found = read_back(path, marks, evidence.content)
                if problem := objection(found):
                    raise EraseError(f"{path}: {evidence.method}: {evidence.detail}, but {problem}")
                _forget_partitions(path)
        except AgentError as error:
            log.warning("disk not erased", extra={"disk": str(disk.path), "why": str(error)})
            return self._failed(disk, str(error), **more, read_back=found, ended_at=self.now())
        log.info("disk erased", extra={"disk": str(disk.path), "method": evidence.method})
        text = f"{evidence.method}: {evidence.detail}; {_shown(found)}"
        done = describe(disk, ErasureState.ERASED, text, self.wish.level)
        return _with(done, **more, levels=levels, read_back=found, ended_at=self.now())

    def _failed(self, disk: BlockDevice, reason: str, **more: object) -> DiskErasure:
        return _with(describe(disk, ErasureState.FAILED, reason, self.wish.level), **more)


def _with(erasure: DiskErasure, **changes: object) -> DiskErasure:
    values = {name: getattr(erasure, name) for name in DiskErasure.__struct_fields__}
    return DiskErasure(**(values | changes))


def _refuse_shared(handle: OpenDisk, wish: EraseWish) -> None:
    """Refuse a disk with a filesystem of several machines; one that cannot be read (a locked drive) carries none that can be seen."""
    if wish.wipe_shared:
        return
    try:
        head = handle.read(0, min(MIB, handle.size_bytes))
        found = shared_filesystem(head, handle.sector_bytes, handle.size_bytes, handle.read)
    except AgentError as error:
        log.warning("disk cannot be read", extra={"disk": str(handle.path), "why": str(error)})
        return
    if found:
        raise EraseError(
            f"{handle.path}: carries {found}, which other machines may be using; disconnect it, list it in"
            f" properties.skip_block_devices, or set driver_info.{WIPE_SHARED} to true to erase it all the same"
        )


def _require_same_disk(first: Path, path: Path, marks: Sequence[Mark]) -> None:
    """Make sure that another path leads to the same disk: what was written through the first is read through it."""
    if any(one.content is None for one in marks):
        return
    found = read_back(path, marks, Content.CHANGED)
    if found.same != found.blocks:
        raise EraseError(
            f"{path}: does not show what was written through {first}: they are two disks that give the same identity; unplug one,"
            " erase the other, and then erase the first"
        )


def _forget_partitions(path: Path) -> None:
    """Have the kernel see that there is no partition table any more."""
    with OpenDisk(path) as handle:
        handle.reread_partitions()


def _log(text: str) -> str | None:
    return clean_text(text, MOST_LOG_CHARS) if text else None


def _shown(found: ReadBack | None) -> str:
    if found is None:
        return "nothing was read back"
    parts = {"zeros": found.zeros, "other bytes than before": found.changed}
    seen = ", ".join(f"{count} {what}" for what, count in parts.items() if count)
    return f"of {found.blocks} blocks read back {seen}"
