"""Writes an image to a machine's disk over iSCSI, as its agent would write it there: a process of the controller.

One process for each machine: a slow machine, a damaged image or a fault of the library concerns nobody else, and whoever ends the
process ends everything of it. Conversation: :mod:`agent.protocol.lun_writing`. It ends when its standard input does, so it does not
outlive its controller.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import msgspec

from agent.disks.iscsi.lun_disk import LunDisk
from agent.disks.iscsi.session import Lun, Session
from agent.errors import AgentError, DiskError
from agent.hardware.devices import BlockDevice
from agent.hardware.image_rules import ImageRules
from agent.images.operator_rules import writer_settings
from agent.images.writer import StreamingImageWriter
from agent.protocol.commands import Progress
from agent.protocol.lun_writing import MOST_ORDER_BYTES, WriteOrder, WriteReport
from agent.protocol.receipt import Receipt
from agent.system.log_output import set_up_logging
from agent.system.runner import HostRunner

_REPORT_EVERY_S = 0.5


class Reporter:
    """Tells the controller; of progress within one phase only now and then."""

    def __init__(self, out: BinaryIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._clock = clock
        self._lock = threading.Lock()
        self._phase: str | None = None
        self._told_at = 0.0

    def progress(self, progress: Progress) -> None:
        """Tell how far it is."""
        now = self._clock()
        is_news = progress.phase != self._phase or progress.message is not None
        if not is_news and now - self._told_at < _REPORT_EVERY_S:
            return
        self._phase, self._told_at = progress.phase, now
        self.tell(WriteReport(progress=progress))

    def tell(self, report: WriteReport) -> None:
        """Write a line."""
        with self._lock:
            self._out.write(msgspec.json.encode(report) + b"\n")
            self._out.flush()


def carry_out(
    order: WriteOrder,
    report: Callable[[Progress], None],
    connect: Callable[[Lun], Session] | None = None,
) -> Receipt:
    """Write the image and the config drive; after a failure the disk cannot boot, as far as it can still be reached.

    Args:
        order: What, and where to.
        report: Told how far it is.
        connect: Makes sessions; ``None`` = by libiscsi.

    Raises:
        AgentError: It cannot be done; the message says what, where and why.
    """
    rules = ImageRules(
        allow_md5=order.allow_md5,
        allow_unverified=order.allow_unverified,
        folders=order.folders,
        verify=order.verify,
    )
    lun, disk = _lun(order), _disk(order)

    def by_library(where: Lun) -> Session:
        return Session(where, timeout_s=order.answer_timeout_s)

    def open_lun(_disk: BlockDevice) -> LunDisk:
        opened = LunDisk(lun, disk.path, connect or by_library)
        try:
            _check_same(opened, disk)
        except DiskError:
            opened.close()
            raise
        return opened

    writer = StreamingImageWriter(HostRunner(), writer_settings(rules), open_lun)
    written = writer.write_image(order.image, order.configdrive, disk, report)
    if written.receipt is None:
        raise DiskError(f"{disk.path}: the image was written, but its receipt is missing")
    return written.receipt


def _lun(order: WriteOrder) -> Lun:
    login = order.login
    return Lun(
        portal=order.portal,
        target=order.export.iscsi_target_iqn,
        number=order.export.lun,
        initiator=login.initiator,
        username=login.username,
        password=login.password,
        target_username=login.target_username,
        target_password=login.target_password,
    )


def _disk(order: WriteOrder) -> BlockDevice:
    told = order.export.disk
    return BlockDevice(
        path=Path(told.path),
        size_bytes=told.size_bytes,
        logical_sector_bytes=told.sector_bytes,
        physical_sector_bytes=told.sector_bytes,
        is_rotational=False,
        serial=told.serial,
        wwn=told.wwn,
    )


def _check_same(opened: LunDisk, told: BlockDevice) -> None:
    """Refuse a disk that is not the one that the machine's agent has told of."""
    if (opened.size_bytes, opened.sector_bytes) != (told.size_bytes, told.logical_sector_bytes):
        raise DiskError(
            f"{told.path} over iSCSI: the disk behind the export has {opened.size_bytes} bytes in sectors of {opened.sector_bytes}, the"
            f" agent told of {told.size_bytes} in sectors of {told.logical_sector_bytes}; nothing was written; look at the machine's"
            " disks"
        )


def _end_with(descriptor: int) -> None:
    """End this process, whatever it is at, when the controller closes its end."""
    while os.read(descriptor, 1):
        pass
    os._exit(1)


def main() -> int:
    """Read an order, carry it out and tell how it ended; return the exit status."""
    set_up_logging(debug=False, log_file="")
    reporter = Reporter(sys.stdout.buffer)
    try:
        line = sys.stdin.buffer.readline(MOST_ORDER_BYTES)
        order = msgspec.json.decode(line, type=WriteOrder)
        threading.Thread(target=_end_with, args=(sys.stdin.fileno(),), daemon=True).start()
        reporter.tell(WriteReport(receipt=carry_out(order, reporter.progress)))
    except (AgentError, OSError, msgspec.DecodeError) as error:
        reporter.tell(WriteReport(error=str(error)))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
