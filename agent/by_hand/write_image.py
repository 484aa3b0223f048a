"""``ingot-agent write-image``: look, show the plan, ask, write; or only show it; or only compare."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from agent.by_hand.bar import Bar, size
from agent.by_hand.comparison import (
    ComparedDisk,
    Difference,
    compare_tables,
    config_partitions,
    first_difference,
)
from agent.by_hand.order import Exit, Order
from agent.by_hand.plan import contents_of, describe_disk, plan_lines
from agent.disks.busy import uses_of
from agent.disks.disk import Disk
from agent.disks.open_disk import MIB, OpenDisk, require_whole_disk
from agent.disks.partition_table import Partition
from agent.errors import AgentError, DiskInUse, ImageError
from agent.hardware.capabilities import HardwareView
from agent.hardware.devices import BlockDevice
from agent.images.flow.meter import Meter
from agent.images.preparation import Work, WriterSettings, prepare
from agent.images.writer import check_digest, check_fit, stream_to
from agent.system.runner import Runner


class NotConfirmed(AgentError):
    """Nobody said yes."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where things are said and asked; neither need be a terminal."""

    out: TextIO
    ask: TextIO


class ImageByHand:
    """One call of the command; ``hardware`` lists the disks and writes, ``settings`` are for what is looked at before."""

    def __init__(
        self,
        order: Order,
        settings: WriterSettings,
        hardware: HardwareView,
        runner: Runner,
        terminal: Terminal,
    ) -> None:
        self._order = order
        self._runner = runner
        self._out = terminal.out
        self._ask = terminal.ask
        self._settings = settings
        self._bar = Bar(terminal.out)
        self._hardware = hardware
        self._disk = find_disk(order.disk, hardware.disks())
        self._head_before: bytes | None = None
        """The disk's first MiB before the first write; ``None`` = nothing was written."""

    def run(self) -> Exit:
        """Do what was ordered and say how it ended.

        Raises:
            AgentError: It cannot be done; nothing that is not in the message was written.
        """
        try:
            if self._order.is_dry_run:
                return self._show_plan()
            if self._order.is_comparison:
                return self._compare()
            return self._write()
        except KeyboardInterrupt:
            self._say(f"interrupted: {self._disk_now()}")
            return Exit.INTERRUPTED
        except AgentError as error:
            is_refused = isinstance(error, DiskInUse | NotConfirmed) and self._head_before is None
            self._say(f"{'refused' if is_refused else 'failed'}: {error}")
            self._say(self._disk_now())
            return Exit.REFUSED if is_refused else Exit.FAILED

    def _show_plan(self) -> Exit:
        self._plan()
        self._say("dry run: nothing was written")
        return Exit.DONE

    def _plan(self) -> None:
        """Look at image and disk, and show what would be done; nothing is changed.

        Raises:
            DiskInUse: The disk is in use; the plan is shown all the same.
        """
        with ExitStack() as clean_up:
            meter = Meter(self._bar)
            work, disk = self._look(meter, clean_up)
            check_fit(work, disk)
            self._announce(work, disk)
            if uses := uses_of(require_whole_disk(self._disk.path)):
                raise DiskInUse(f"{self._disk.path}: in use: {'; '.join(uses)}; release it first")

    def _look(self, meter: Meter, clean_up: ExitStack) -> tuple[Work, OpenDisk]:
        disk = clean_up.enter_context(OpenDisk(self._disk.path, writable=False))
        meter.begin("connect")
        order = self._order
        work = prepare(order.image, order.configdrive, self._settings, meter, clean_up)
        return work, disk

    def _write(self) -> Exit:
        self._plan()
        self._confirm()

        def remember_head() -> None:
            with OpenDisk(self._disk.path, writable=False) as disk:
                self._head_before = disk.read(0, MIB)

        order = self._order
        written = self._hardware.image_writer().write_image(
            order.image, order.configdrive, self._disk, self._bar, before_writing=remember_head
        )
        self._bar.end()
        receipt = written.receipt
        if receipt is None:
            raise ImageError("the image was written, but its receipt is missing")
        self._say(
            f"written: {size(receipt.content_bytes)} to {describe_disk(self._disk)} in {receipt.seconds:.1f} s,"
            f" {size(receipt.rate_bytes_per_s)}/s; {receipt.digest}; read back and compared:"
            f" {receipt.verified}, {receipt.compared_bytes} bytes"
        )
        return Exit.DONE

    def _announce(self, work: Work, disk: OpenDisk) -> None:
        self._bar.end()
        order = self._order
        lines = plan_lines(
            work,
            self._disk,
            contents_of(disk, self._runner),
            checksum_from=order.checksum_from,
            verify=order.verify,
        )
        for line in lines:
            self._say(line)

    def _confirm(self) -> None:
        if self._order.is_confirmed:
            return
        if not self._ask.isatty():
            raise NotConfirmed("there is no terminal to ask on; say --yes")
        self._out.write(f"Everything on {self._disk.path} will be lost. Write? [yes/no] ")
        self._out.flush()
        answer = self._ask.readline().strip()
        if answer != "yes":
            raise NotConfirmed(f"the answer was {answer[:20]!r} and not 'yes'")

    def _compare(self) -> Exit:
        with ExitStack() as clean_up:
            meter = Meter(self._bar)
            work, disk = self._look(meter, clean_up)
            check_fit(work, disk)
            drives = config_partitions(disk, self._runner)
            target = ComparedDisk(disk, drives)
            digest = stream_to(work, target, meter, "compare")
            self._bar.end()
            check_digest(work, digest, "nothing can be said of the disk")
            found = self._first(target, work, drives)
        for part in drives:
            self._say(
                f"partition {part.number} holds a config drive and is not compared with the image"
            )
        if found is not None:
            self._say(f"differs: {disk.path}: byte {found.byte}: {found.what}")
            return Exit.DIFFERS
        self._say(
            f"the same: {disk.path} holds the image, {size(work.inside.pipeline.content_bytes)}"
        )
        return Exit.DONE

    def _first(
        self, target: ComparedDisk, work: Work, drives: Sequence[Partition]
    ) -> Difference | None:
        """Return the first difference in the order of the disk."""
        found = [compare_tables(target, drives), _compare_drive(target.disk, work, drives)]
        if target.first is not None:
            found.append(Difference(byte=target.first, what="not what the image has there"))
        return min((one for one in found if one), key=lambda one: one.byte, default=None)

    def _disk_now(self) -> str:
        """Say what an end before the end has left on the disk, by looking at it."""
        path = self._disk.path
        if self._head_before is None:
            return f"nothing was written to {path}"
        with OpenDisk(path, writable=False) as disk:
            head = disk.read(0, MIB)
        if head == bytes(MIB):
            return f"{path} was left without a partition table and cannot boot; write it again"
        if head == self._head_before:
            return f"nothing was written to {path}"
        return f"{path} has the whole image; compare it with --verify-only"

    def _say(self, text: str) -> None:
        self._bar.end()
        self._out.write(f"{text}\n")
        self._out.flush()


def find_disk(path: Path, disks: Sequence[BlockDevice]) -> BlockDevice:
    """Return the disk at ``path``, with serial number and model if the hardware managers list it.

    Raises:
        NotFound: It is no whole disk.
        DiskError: It cannot be opened.
    """
    for disk in disks:
        if disk.path == path:
            return disk
    with OpenDisk(path, writable=False) as opened:
        return BlockDevice(
            path=path,
            size_bytes=opened.size_bytes,
            logical_sector_bytes=opened.sector_bytes,
            physical_sector_bytes=opened.sector_bytes,
            is_rotational=False,
        )


def _compare_drive(disk: Disk, work: Work, drives: Sequence[Partition]) -> Difference | None:
    """Compare the config drive, if one was named."""
    wanted = work.configdrive
    if wanted is None:
        return None
    if len(drives) != 1:
        return Difference(byte=0, what=f"{len(drives)} config drive partitions instead of one")
    start = drives[0].start_byte
    place = first_difference(disk.read(start, len(wanted)), wanted)
    return None if place is None else Difference(byte=start + place, what="the config drive")
